-- Gives back what was spent on limits. A cell that has left the window, or a window whose length has changed since, keeps
-- what it has: giving back late may only ever be too strict.
--
-- KEYS     limits
-- ARGV     window_ms, cell and cost of each, in the same order
-- returns  1
local values = redis.call('MGET', unpack(KEYS))
for i, key in ipairs(KEYS) do
  local window_ms, cell, cost = tonumber(ARGV[i * 3 - 2]), tonumber(ARGV[i * 3 - 1]), tonumber(ARGV[i * 3])
  local window = values[i] and read(values[i])
  if window and window.window_ms == window_ms and cell <= window.index and window.index - cell < CELLS then
    local held = cell_at(window, cell)
    local given = math.min(held, cost)
    put_cell(window, cell, held - given)
    window.total = window.total - given
    window.age = find_age(window)
    redis.call('SET', key, packed(window), 'KEEPTTL')
  end
end
return 1
