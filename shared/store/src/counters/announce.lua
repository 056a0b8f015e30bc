#!lua flags=allow-oom
-- KEYS: the stream of changes. ARGV: how many it keeps, then the fields of one change with their values. A Redis that is
-- full takes it too: whoever counts alone meanwhile learns here what was revoked.
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 2))
return 1
