#!lua flags=allow-oom
-- Appends a change to the stream, also to a Redis that is full: whoever counts alone meanwhile learns here what was revoked.
--
-- KEYS[1]  the stream of changes
-- ARGV[1]  how many changes it keeps, about
-- ARGV[2…] the fields of the change, each with its value
-- returns  1
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 2))
return 1
