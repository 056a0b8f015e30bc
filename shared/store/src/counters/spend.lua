-- Compares generations and spends limits for a batch of requests, in their order, as if each came alone.
--
-- KEYS     every key of the batch once, generations and limits alike
-- ARGV[1]  the requests, packed, little-endian; of each:
--            u8  1 spends, 0 only looks
--            u8  how many generations, u8 how many limits, u8 how many of these are names that a question has given: they are
--            the last but one, which counts new names and costs 1 for each of them that has no counter yet
--            of each generation: u16 place of its key, u8 source, f64 value
--                                (source 0: a cache; 1: Postgres just now; 2: nobody who could be asked)
--            of each limit:      u16 place of its key, u32 limit, u32 window_ms, u32 cost
-- returns  f64 the time in us, then of each request
--            u8 1, and of each limit: u8 admits, u32 remaining, u32 reset_ms, u32 retry_after_ms (NEVER for a cost above
--            the limit), f64 cell
--            or, where a generation is not the expected one and nothing is consumed,
--            u8 0, and each generation as it is: f64, -1 for none
local GENERATION_SECONDS, NEVER = 86400, 4294967295
local values = redis.call('MGET', unpack(KEYS))
local requests, at = ARGV[1], 1
local numbers, windows, answers = {}, {}, { pack('<d', now_us) }
local opened, most, costs = {}, {}, {}
local max = math.max

-- A window with what earlier requests of the batch have left of it.
local function window_at(place, window_ms, is_spending)
  local held = windows[place]
  if held and held.window_ms == window_ms then return held end
  local raw = values[place]
  if held and (held.is_dirty or not held.is_new) then raw = packed(held) end
  local window = open(raw, window_ms)
  if not held or is_spending then windows[place] = window end
  return window
end

while at <= #requests do
  local mode, generations, limits, named
  mode, generations, limits, named, at = unpacked('<BBBB', requests, at)
  local is_spending, agrees, first = mode == 1, true, at
  for _ = 1, generations do
    local place, source, expected
    place, source, expected, at = unpacked('<I2Bd', requests, at)
    local actual = numbers[place]
    if not actual then
      actual = tonumber(values[place] or -1)
      numbers[place] = actual
    end
    if source == 1 and actual < expected then
      redis.call('SET', KEYS[place], string.format('%d', expected), 'EX', GENERATION_SECONDS)
      actual = expected
      numbers[place] = expected
    elseif source == 2 and actual < expected then
      actual = expected
    end
    agrees = agrees and actual == expected
  end
  if not agrees then
    answers[#answers + 1] = '\0'
    for generation = 1, generations do
      local place = unpacked('<I2', requests, first + (generation - 1) * 11)
      answers[#answers + 1] = pack('<d', numbers[place])
    end
    at = at + limits * 14
  else
    answers[#answers + 1] = '\1'
    local is_admitted, new_names = true, 0
    for i = 1, limits do
      local place, limit, window_ms, cost
      place, limit, window_ms, cost, at = unpacked('<I2I4I4I4', requests, at)
      if named > 0 and i == limits then
        cost = new_names
      elseif i >= limits - named and cost > 0 and not values[place] then
        -- Unless an earlier request of the batch has made it.
        local held = windows[place]
        if not (held and held.is_dirty) then new_names = new_names + 1 end
      end
      local window = window_at(place, window_ms, is_spending)
      opened[i], most[i], costs[i] = window, limit, cost
      is_admitted = is_admitted and window.total + cost <= limit
    end
    for i = 1, limits do
      local window, limit, cost = opened[i], most[i], costs[i]
      local fits = window.total + cost <= limit
      if is_spending and is_admitted and cost > 0 then
        if window.total == 0 then window.age = 0 end
        window.total = window.total + cost
        window.spent = window.spent + cost
        window.is_dirty = true
      elseif is_spending and window.is_changed and not (window.is_new and named > 0 and i >= limits - named) then
        -- But a name that was never spent: to ask for nothing makes no counter.
        window.is_dirty = true
      end
      local retry_ms, reset_ms = 0, 0
      if cost > limit then
        retry_ms = NEVER
      elseif not fits then
        retry_ms = max(1, freed_in_ms(window, window.total + cost - limit))
      end
      if window.age ~= NONE then
        reset_ms = leaves_in_ms(window, window.index - window.age)
      end
      local remaining = max(0, limit - window.total)
      answers[#answers + 1] = pack('<BI4I4I4d', fits and 1 or 0, remaining, reset_ms, retry_ms, window.index)
    end
  end
end

for place, window in pairs(windows) do
  if window.is_dirty then keep(KEYS[place], window) end
end
return table.concat(answers)
