-- Books the next PDUs of one operator: when may each leave, so that no 1.02 s hold more than the limit.
-- docs/contract.md §10, docs/architecture.md (TPS). One atomic call; the clock is the server's own, because the
-- clocks of the worker processes differ.
--
-- KEYS[1] last window booked, the sum that ends there, the window since when there is no silence
-- KEYS[2] until when nobody books (Unix ms)
-- KEYS[3] the rate the operator takes, where it throttled: PDUs a second right after the last slowing down, its mark
-- ARGV: 1 prefix of the window keys · 2 limit, PDUs a second · 3 PDUs wanted, 0 only looks
--       4 last window this process booked, 0 = none · 5 mark under which a PDU was booked that the operator throttled,
--       -1 = none · 6 what is left of the rate then · 7 ms from nothing back to the limit · 8 the lowest rate
-- Returns {server time in Unix µs, µs until it is worth asking again, PDUs a second, mark, window, PDUs, window, PDUs,
-- …}; a window is Unix ms / 10. While nobody books, one window 0 with no PDU. A mark is the Unix ms of the last slowing down, 0 where there is none.
--
-- The window keys are named here and not in KEYS: which ones matter depends on the server's time. On a cluster the
-- operator id stands in braces in KEYS and prefix alike, so all of them live in the slot that KEYS names.

local SPAN = 102      -- windows of 10 ms any sum is taken over
local AHEAD = 100     -- how far ahead a window may be booked
local CHUNK = 5       -- windows worth waiting for, so that a busy operator is not asked for single PDUs
local KEPT = 3000     -- ms; booked up to 1 s ahead and needed for 1.02 s after that
local STEPPED = 200   -- windows the clock must have gone back before the bookings are given up

local prefix, limit, wanted, known = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now_us = clock[1] * 1000000 + clock[2]
local current = math.floor(now_us / 10000)
local horizon = current + AHEAD
local heads = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3])
local hold = tonumber(heads[2] or nil)
local tail, tail_total, origin = string.match(heads[1] or '', '^(%d+) (%d+) (%d+)$')
tail, tail_total, origin = tonumber(tail), tonumber(tail_total), tonumber(origin)

-- A rate below the limit grows with the time since it was lowered. It is lowered once a round: only what was booked
-- under the present mark can say that the present rate is too high.
local now_ms = math.ceil(now_us / 1000)
local rate, mark = string.match(heads[3] or '', '^([%d.]+) (%d+)$')
rate, mark = tonumber(rate), tonumber(mark or 0)
if rate then
  rate = math.min(limit, rate + math.max(0, now_ms - mark) * limit / tonumber(ARGV[7]))
end
if tonumber(ARGV[5]) >= mark then
  rate = math.max(tonumber(ARGV[8]), (rate or limit) * tonumber(ARGV[6]))
  mark = math.max(now_ms, mark + 1)
  redis.call('SET', KEYS[3], string.format('%.3f %.0f', rate, mark), 'PX', tonumber(ARGV[7]))
end
if rate then
  limit = math.max(1, math.min(limit, math.floor(rate)))
end

local function hold_until(ms)
  hold = ms
  redis.call('SET', KEYS[2], string.format('%.0f', ms))
end

-- A pause is due where bookings may be out that this server does not know: it came back empty (no mark), or lacks
-- what a caller booked a moment ago (an older snapshot, a replica that lagged), or its clock went back.
local pause = now_ms + SPAN * 10
if tail and tail > horizon + STEPPED then
  redis.call('DEL', KEYS[1])
  tail = nil
  hold_until(pause)
elseif not hold or hold > pause + AHEAD * 10 then
  hold_until(pause)
end
if known > current - SPAN and known <= horizon and (not tail or tail < known) then
  local needed = (known + SPAN) * 10
  if hold <= now_ms then
    hold_until(math.max(pause, needed))
  elseif needed > hold then
    hold_until(needed)
  end
end
if hold > now_ms then
  return {now_us, hold * 1000 - now_us, limit, mark, 0, 0}
end

-- First come, first served: nothing goes before what is booked. The last window booked is kept together with the sum
-- that ends there, so that a call reads only the windows that leave the sum after it, in batches that grow.
local slot = math.max(current, tail or current)
local counts, total, batch = {}, 0, 8

local function count(window)
  if tail and window <= tail and not counts[window] then
    local to = math.min(window + batch - 1, tail)
    batch = batch * 4
    local names = {}
    for one = window, to do
      names[#names + 1] = prefix .. (one * 10)
    end
    for index, value in ipairs(redis.call('MGET', unpack(names))) do
      counts[window + index - 1] = tonumber(value or 0)
    end
  end
  return counts[window] or 0
end

if tail and slot - tail < SPAN then
  total = tail_total
  for window = tail - SPAN + 1, slot - SPAN do
    total = total - count(window)
  end
else
  origin = current
end

-- A window that has not begun takes its even share only: shares of any SPAN windows add up to the limit exactly. So a
-- backlog leaves evenly, while what comes after a silence leaves at once.
local function share(window)
  local place = (window - origin) % SPAN
  return math.ceil((place + 1) * limit / SPAN) - math.ceil(place * limit / SPAN)
end

local function room(window)
  local free = limit - total
  if free > 0 and window > current then
    free = math.min(free, share(window) - count(window))
  end
  return free
end

local function advance()
  slot = slot + 1
  total = total - count(slot - SPAN)
end

local answer = {now_us, 0, limit, mark}
local open  -- first later window with room in the sum, whatever its share
local booked, last, last_total = 0, nil, 0
while booked < wanted and slot <= horizon do
  local take = math.min(room(slot), wanted - booked)
  if take > 0 then
    counts[slot] = count(slot) + take
    total = total + take
    booked = booked + take
    redis.call('SET', prefix .. (slot * 10), string.format('%.0f', counts[slot]), 'PX', KEPT)
    answer[#answer + 1] = slot
    answer[#answer + 1] = take
    last, last_total, open = slot, total, nil
  elseif total < limit then
    open = open or slot
  end
  if booked < wanted then
    advance()
  end
end
if last then
  redis.call('SET', KEYS[1], string.format('%.0f %.0f %.0f', last, last_total, origin), 'PX', KEPT)
end

if booked < wanted then
  while room(slot) <= 0 do
    if total < limit then
      open = open or slot
    end
    advance()
  end
  local again = slot - AHEAD + CHUNK - 1
  if open and open < again then
    again = open
  end
  answer[2] = math.max(again * 10000 - now_us, 1000)
end
return answer
