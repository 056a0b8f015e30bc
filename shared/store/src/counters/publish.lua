#!lua flags=allow-oom
-- KEYS: generations. ARGV: their values. A late writer never brings an old one back. A Redis that is full takes them too:
-- it still answers what needs no room, and would go on vouching for what was revoked.
local GENERATION_SECONDS = 86400
for i, key in ipairs(KEYS) do
  local held = redis.call('GET', key)
  if not held or tonumber(held) < tonumber(ARGV[i]) then
    redis.call('SET', key, ARGV[i], 'EX', GENERATION_SECONDS)
  end
end
return 1
