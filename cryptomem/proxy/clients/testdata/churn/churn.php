<?php // The same by phpredis.
$connect = function (): Redis {
    $r = new Redis();
    $r->connect(getenv('REDIS_HOST'), (int) getenv('REDIS_PORT'), 10, null, 0, 10);
    return $r;
};
$r = $connect();
stream_set_blocking(STDIN, false);
[$may, $counted, $n, $failed] = [[], 0, 0, 0];
$attempt = function (string $what, callable $do, callable $check) use (&$r, &$failed, $connect): bool {
    try {
        $r->clearLastError();
        $got = $do($r);
        if ($r->getLastError() !== null) { $failed++; return false; }
    } catch (RedisException $e) {
        $failed++;
        $r = $connect();
        return false;
    }
    if (!$check($got)) { echo "WRONG phpredis: $what answered ", json_encode($got), "\n"; exit(1); }
    return true;
};
while (!feof(STDIN)) {
    fread(STDIN, 1);
    $n++;
    $name = 'php:' . $n % 17;
    $value = "$name=$n";
    switch ($n % 5) {
        case 0: $attempt('ECHO', fn($r) => $r->echo($value), fn($got) => $got === $value); break;
        case 1:
            $done = $attempt('SET', fn($r) => $r->set($name, $value, ['ex' => 1000]), fn($got) => $got === true);
            $may[$name] = array_merge($done ? [] : ($may[$name] ?? []), [$value]);
            break;
        case 2: $counted++; $attempt('INCR', fn($r) => $r->incr('php:n'), fn($got) => $got >= 1 && $got <= $counted); break;
        case 3: $attempt('MGET', fn($r) => $r->mGet(['php:none', $name]), fn($got) => $got[0] === false && ($got[1] === false || in_array($got[1], $may[$name] ?? [], true))); break;
        case 4: $attempt('GET', fn($r) => $r->get($name), fn($got) => $got === false || in_array($got, $may[$name] ?? [], true)); break;
    }
    if ($n % 50 === 0) { echo "did $n failed $failed\n"; }
}
