-- The rules of breaker_policy.py, for a breaker that all processes share.
--
-- KEYS[1] is a hash of conditions by the breakers' names. ARGV: name, policy and message, the last
-- two as JSON. It returns the reply as JSON. The clock is that of Redis, in whole milliseconds.

local SLICES = 6

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local name, policy, message = ARGV[1], cjson.decode(ARGV[2]), cjson.decode(ARGV[3])
local reply = {verdict = 'call', retry_ms = 0}

local stored = redis.call('HGET', KEYS[1], name)
local condition = stored and cjson.decode(stored) or {
  state = 'CLOSED', since = 0, run = 0, calls = {}, failed = {}, opened_at = 0, open_ms = 0,
  until_at = 0, probe = '', successes = 0, failed_at = 0, reason = '', seen_at = 0,
}

local function change(state, reason)
  local lasted = 0
  if state == 'CLOSED' and condition.opened_at > 0 then lasted = now - condition.opened_at end
  reply.transition = {
    at = now, from_state = condition.state, to_state = state, reason = reason, lasted_ms = lasted,
  }
  condition.state, condition.since, condition.successes = state, now, 0
end

local function add(counts, number, oldest, more)
  counts[tostring(number)] = (counts[tostring(number)] or 0) + more
  for each in pairs(counts) do
    if tonumber(each) < oldest then counts[each] = nil end
  end
end

local function count(at, calls, failed)
  local slice_ms = math.floor(policy.window_ms / SLICES)
  local number, oldest = math.floor(at / slice_ms), math.floor(now / slice_ms) - SLICES + 1
  add(condition.calls, number, oldest, calls)
  add(condition.failed, number, oldest, failed)
end

local function is_probe()
  return condition.state == 'HALF_OPEN' and message.token ~= '' and condition.probe == message.token
end

local function note_failure()
  condition.run = condition.run + 1
  condition.failed_at, condition.reason = now, message.reason
end

local function sum(counts)
  local total = 0
  for _, each in pairs(counts) do total = total + each end
  return total
end

local function half_failed()
  local calls = sum(condition.calls)
  return calls >= policy.least_calls and 2 * sum(condition.failed) >= calls
end

local function open(open_ms)
  change('OPEN', message.reason)
  condition.open_ms, condition.until_at, condition.probe = open_ms, now + open_ms, ''
end

local function close(reason)
  change('CLOSED', reason)
  condition.run, condition.opened_at, condition.open_ms, condition.until_at = 0, 0, 0, 0
  condition.probe, condition.calls, condition.failed = '', {}, {}
end

local words = {}

function words.ask()
  if condition.state == 'CLOSED' then return end
  if now < condition.until_at then
    reply.verdict, reply.retry_ms = 'refused', condition.until_at - now
    return
  end
  if condition.state == 'OPEN' then change('HALF_OPEN', '') end
  reply.verdict = 'probe'
  condition.probe, condition.until_at = message.token, now + policy.probe_ms
end

function words.succeeded()
  if condition.state == 'CLOSED' then
    condition.run = 0
    count(now, 1, 0)
  elseif is_probe() then
    condition.probe, condition.until_at = '', 0
    condition.successes = condition.successes + 1
    if condition.successes >= policy.successes then close('') end
  end
end

function words.failed()
  if condition.state == 'CLOSED' then
    count(now, 1, 1)
    note_failure()
    if condition.run >= policy.failures or half_failed() then
      condition.opened_at = now
      open(policy.open_ms)
    end
  elseif is_probe() then
    note_failure()
    open(math.min(2 * condition.open_ms, policy.most_open_ms))
  end
end

function words.released()
  if is_probe() then condition.probe, condition.until_at = '', 0 end
end

function words.reset()
  close(message.reason)
end

condition.seen_at = now
if message.successes > 0 and condition.state == 'CLOSED' then
  local at = now - message.success_age_ms
  if at > condition.failed_at then condition.run = 0 end
  count(at, message.successes, 0)
end
words[message.word]()
reply.run = condition.run
redis.call('HSET', KEYS[1], name, cjson.encode(condition))
return cjson.encode(reply)
