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

-- What nearly every request is: each window stands in the cell of now and admits its cost. Answered without the rest of
-- the script, whose functions alone would cost a third of it.
local struct_pack, struct_unpack, cut = struct.pack, struct.unpack, string.sub
local round_up, counted, is_quick = math.ceil, #KEYS - generations, is_spending
local indexes, totals, ages = {}, {}, {}
for i = 1, counted do
  local raw, at = values[generations + i], generations * 2 + i * 3
  local window_ms, cost = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  if not raw then is_quick = false break end
  local version, held_ms, index, total, age = struct_unpack('<BI4dI4B', raw)
  local window_us = window_ms * 1000
  local rest = math.fmod(now_us, window_us)
  local cell = (now_us - rest) / window_us * 32 + math.floor(rest * 32 / window_us)
  if version ~= 1 or held_ms ~= window_ms or cell > index or total == 0 or cost == 0
    or total + cost > tonumber(ARGV[at]) then
    is_quick = false
    break
  end
  indexes[i], totals[i], ages[i] = index, total + cost, age
end
if is_quick then
  for i = 1, counted do
    local key, at = generations + i, generations * 2 + i * 3
    local raw, window_ms, index = values[key], tonumber(ARGV[at + 1]), indexes[i]
    local byte = 18 + index % 33 * 4
    local value = struct_pack('<BI4dI4B', 1, window_ms, index, totals[i], ages[i]) .. cut(raw, 19, byte)
      .. struct_pack('<I4', struct_unpack('<I4', raw, byte + 1) + tonumber(ARGV[at + 2])) .. cut(raw, byte + 5)
    redis.call('SET', KEYS[key], value, 'PX', round_up(window_ms * 33 / 32) + 1000)
    local reset_ms = round_up((round_up((index - ages[i] + 33) * window_ms * 125 / 4) - now_us) / 1000)
    local place = generations + 1 + (i - 1) * 5
    answer[place + 1] = 1
    answer[place + 2] = tonumber(ARGV[at]) - totals[i]
    answer[place + 3] = math.max(0, math.min(window_ms, reset_ms))
    answer[place + 4] = 0
    answer[place + 5] = index
  end
  return answer
end

