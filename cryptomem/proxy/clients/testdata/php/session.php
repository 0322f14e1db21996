<?php // What phpredis does for Laravel, Symfony and sessions of PHP.
ini_set('assert.exception', '1');
[$host, $port] = [getenv('REDIS_HOST'), (int) getenv('REDIS_PORT')];
$r = new Redis();
function check(bool $true, string $what): void { if (!$true) { throw new Exception($what); } }

$r->connect($host, $port);
check($r->ping() == true, 'ping');
$r->setOption(Redis::OPT_SERIALIZER, Redis::SERIALIZER_PHP);
$r->setOption(Redis::OPT_PREFIX, 'app:');
check($r->set('a', ['any' => 'thing'], ['ex' => 60]), 'set');
check($r->get('a') === ['any' => 'thing'] && $r->ttl('a') <= 60, 'get');
check($r->hMSet('h', ['x' => 1, 'y' => [2]]) && $r->hGetAll('h') == ['x' => 1, 'y' => [2]], 'hashes');
check($r->mget(['a', 'none']) == [['any' => 'thing'], false], 'mget');
check($r->set('lock', 'me', ['nx', 'px' => 60000]) && !$r->set('lock', 'you', ['nx', 'px' => 60000]), 'nx');
$r->setOption(Redis::OPT_SERIALIZER, Redis::SERIALIZER_NONE);
check($r->eval('if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end', ['lock', $r->_serialize('me')], 1) === 0, 'eval');
check($r->incr('n') === 1 && $r->incrBy('n', 4) === 5, 'incr');
check($r->multi()->set('m', '1')->incr('m')->exec() === [true, 2], 'multi');
check($r->pipeline()->get('m')->get('none')->exec() === ['2', false], 'pipeline');
check($r->zAdd('z', 1, 'one', 2, 'two') === 2 && $r->zRangeByScore('z', 0, 5, ['withscores' => true]) === ['one' => 1.0, 'two' => 2.0], 'zset');
check($r->sAdd('tags', 'x', 'y') === 2 && $r->sMembers('tags') !== [], 'set');

ini_set('session.save_handler', 'redis');
ini_set('session.save_path', "tcp://$host:$port?prefix=sess:");
ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
ini_set('redis.session.locking_enabled', '1');
session_id('of-a-spec');
session_start();
$_SESSION['user'] = 7;
session_write_close();
$_SESSION = [];
session_start();
check($_SESSION['user'] === 7, 'session');
session_destroy();
session_start();
check($_SESSION === [], 'session destroyed');
