-- run: 1 lock 30000 me
-- run: 1 lock 30000 me
-- run: 1 lock 30000 you
-- run: 1 lock 30000 me
if (redis.call('exists', KEYS[1]) == 0) or (redis.call('hexists', KEYS[1], ARGV[2]) == 1) then
  redis.call('hincrby', KEYS[1], ARGV[2], 1);
  redis.call('pexpire', KEYS[1], ARGV[1]);
  return nil;
end;
return redis.call('ttl', KEYS[1]) > 0;
