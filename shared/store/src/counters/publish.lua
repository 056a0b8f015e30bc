#!lua flags=allow-oom
-- Sets generations, each only if it is newer: a late writer never brings an old one back. Also in a Redis that is full: it
-- still answers what needs no room, and would go on confirming what was revoked.
--
-- KEYS     generations
-- ARGV     their values, in the same order
-- returns  1
local GENERATION_SECONDS = 86400
for i, key in ipairs(KEYS) do
  local held = redis.call('GET', key)
  if not held or tonumber(held) < tonumber(ARGV[i]) then
    redis.call('SET', key, ARGV[i], 'EX', GENERATION_SECONDS)
  end
end
return 1
