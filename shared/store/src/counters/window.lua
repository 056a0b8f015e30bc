-- One limit's window as domain::limit::Window has it, in one packed value:
-- version (1 byte), window_ms (u32), index (f64), total (u32), age of the oldest spent cell (u8), what is spent in the
-- cell of the index (u32), then 33 cells (u32), of which that one counts for nothing. So a request that finds the window
-- in the cell of now writes the head and no more.
-- Numbers here are doubles: every product below stays under 2^53 until the year 2041, and off by less than 1 us after.
local VERSION, CELLS, NONE = 2, 33, 255
local HEAD, HEAD_BYTES = '<BI4dI4BI4', 22
local CELL_FORMAT = '<I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4'
local floor, ceil, fmod = math.floor, math.ceil, math.fmod
local pack, unpacked, sub = struct.pack, struct.unpack, string.sub

local function cell_of(window_ms)
  local window_us = window_ms * 1000
  local rest = fmod(now_us, window_us)
  return (now_us - rest) / window_us * 32 + floor(rest * 32 / window_us)
end

local function cell_at(window, cell)
  if cell == window.index then return window.spent end
  local at = HEAD_BYTES + 1 + cell % CELLS * 4
  return (unpacked('<I4', window.raw, at))
end

local function put_cell(window, cell, value)
  if cell == window.index then
    window.spent = value
    return
  end
  local at = HEAD_BYTES + cell % CELLS * 4
  window.raw = sub(window.raw, 1, at) .. pack('<I4', value) .. sub(window.raw, at + 5)
end

-- The age of the oldest cell with something in it, counted back from the index.
local function find_age(window)
  if window.total == 0 then return NONE end
  for age = CELLS - 1, 0, -1 do
    local cell = window.index - age
    if cell >= 0 and cell_at(window, cell) > 0 then return age end
  end
  return NONE
end

local function empty(window_ms, index)
  return {
    window_ms = window_ms, index = index, total = 0, age = NONE,
    raw = string.rep('\0', HEAD_BYTES + CELLS * 4), is_changed = true, spent = 0
  }
end

local function read(raw)
  local version, window_ms, index, total, age, spent = unpacked(HEAD, raw)
  if version ~= VERSION then error('a limit of version ' .. version) end
  return {
    window_ms = window_ms, index = index, total = total, age = age, raw = raw, is_changed = false, spent = spent
  }
end

-- Empties the cells that the window has left, up to the cell of now. Time that runs backwards stays where it was.
local function advance(window, now_cell)
  if now_cell <= window.index then return end
  local cells = { unpacked(CELL_FORMAT, window.raw, HEAD_BYTES + 1) }
  cells[window.index % CELLS + 1] = window.spent
  for cell = math.max(window.index + 1, now_cell - CELLS + 1), now_cell do
    local at = cell % CELLS + 1
    window.total = window.total - cells[at]
    cells[at] = 0
  end
  window.raw = sub(window.raw, 1, HEAD_BYTES) .. pack(CELL_FORMAT, unpack(cells, 1, CELLS))
  window.index, window.spent = now_cell, 0
  window.age = find_age(window)
  window.is_changed = true
end

-- The window as it stands now; what a window of another length had spent all counts from now on.
local function open(raw, window_ms)
  local now_cell = cell_of(window_ms)
  if not raw then
    local window = empty(window_ms, now_cell)
    window.is_new = true
    return window
  end
  local window = read(raw)
  if window.window_ms ~= window_ms then
    local total = window.total
    window = empty(window_ms, now_cell)
    if total > 0 then
      window.total, window.age = total, 0
      put_cell(window, now_cell, total)
    end
    return window
  end
  advance(window, now_cell)
  return window
end

local function packed_head(window)
  return pack(HEAD, VERSION, window.window_ms, window.index, window.total, window.age, window.spent)
end

local function packed(window)
  return packed_head(window) .. sub(window.raw, HEAD_BYTES + 1)
end

-- Keeps a window: all of it where a cell has ended, and then for as long as what is spent in the new one can count.
local function keep(key, window)
  if window.is_changed then
    redis.call('SET', key, packed(window), 'PX', ceil(window.window_ms * 34 / 32) + 1000)
  else
    redis.call('SETRANGE', key, '0', packed_head(window))
  end
end

-- Milliseconds until `cell` has left the window, rounded up.
local function leaves_in_ms(window, cell)
  local end_us = ceil((cell + CELLS) * window.window_ms * 125 / 4)
  return math.max(0, ceil((end_us - now_us) / 1000))
end

-- Milliseconds until at least `amount` has left the window.
local function freed_in_ms(window, amount)
  if window.age == NONE then return 0 end
  local freed = 0
  for age = window.age, 0, -1 do
    local cell = window.index - age
    freed = freed + cell_at(window, cell)
    if freed >= amount then return leaves_in_ms(window, cell) end
  end
  return 0
end
