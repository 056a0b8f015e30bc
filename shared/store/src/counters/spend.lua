-- KEYS: the generations, then the limits. ARGV: how many generations, whether to spend (1) or look (0); each
-- generation with whether it was just read from Postgres (1); then limit, window_ms and cost of each limit.
-- Answers now_us, the generations, and, when they are the expected ones, five numbers for each limit.
local GENERATION_SECONDS = 86400
local generations = tonumber(ARGV[1])
local is_spending = ARGV[2] == '1'
local values = redis.call('MGET', unpack(KEYS))
local answer, agrees = { now_us }, true

for i = 1, generations do
  local expected, actual = ARGV[1 + 2 * i], values[i]
  if ARGV[2 + 2 * i] == '1' and (not actual or tonumber(actual) < tonumber(expected)) then
    redis.call('SET', KEYS[i], expected, 'EX', GENERATION_SECONDS)
    actual = expected
  end
  answer[i + 1] = actual
  agrees = agrees and actual == expected
end
if not agrees then return answer end

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
  if is_spending and is_admitted then add(window, window.cost) end
  if is_spending and window.is_changed then
    redis.call('SET', KEYS[generations + i], packed(window), 'PX', ceil(window.window_ms * 33 / 32) + 1000)
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
