-- The rest of spend.lua: windows that are new, have moved on, refuse, or are only looked at.
local windows, is_admitted = {}, true
for i = 1, #KEYS - generations do
  local at = generations * 2 + i * 3
  local window = open(values[generations + i], tonumber(ARGV[at + 1]))
  window.limit, window.cost = tonumber(ARGV[at]), tonumber(ARGV[at + 2])
  window.fits = window.total + window.cost <= window.limit
  is_admitted = is_admitted and window.fits
  windows[i] = window
end

for i, window in ipairs(windows) do
  local value
  if is_spending and is_admitted and window.cost > 0 then
    value = added(window, window.cost)
  elseif is_spending and window.is_changed then
    value = packed(window)
  end
  if value then
    redis.call('SET', KEYS[generations + i], value, 'PX', ceil(window.window_ms * 33 / 32) + 1000)
  end
  local retry_ms = 0
  if window.cost > window.limit then
    retry_ms = window.window_ms
  elseif not window.fits then
    retry_ms = math.max(1, freed_in_ms(window, window.total + window.cost - window.limit))
  end
  local reset_ms = 0
  if window.age ~= NONE then
    reset_ms = math.min(window.window_ms, leaves_in_ms(window, window.index - window.age))
  end
  local at = generations + 1 + (i - 1) * 5
  answer[at + 1] = window.fits and 1 or 0
  answer[at + 2] = math.max(0, window.limit - window.total)
  answer[at + 3] = reset_ms
  answer[at + 4] = retry_ms
  answer[at + 5] = window.index
end
return answer
