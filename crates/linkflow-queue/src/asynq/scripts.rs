//! The scripts: each is one step from one consistent state to the next, for many tasks of one
//! queue at once. Nothing here talks to a server.
//!
//! All keys of a script are in one slot; those of single tasks are built from a prefix within the
//! slot, as asynq does, because a script that takes tasks learns their ids only then. Batches stay
//! far below the limit of Lua's `unpack`, about 8,000.
//!
//! A task that is active has a field `owner`, which asynq does not know and does not mind. It
//! keeps a worker whose lease has run out from settling what another has taken since. One that waits
//! may have a field `start`, with which its first taker begins; it is gone with the first taking.

use std::sync::LazyLock;

use sha1::{Digest, Sha1};

/// The most tasks one call of a script is given.
pub(crate) const BATCH_MAX: usize = 200;

pub(crate) struct Script {
    pub(crate) text: &'static str,
    pub(crate) sha: LazyLock<String>,
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) static $name: Script =
            Script { text: $text, sha: LazyLock::new(|| hex::encode(Sha1::digest($text))) };
    )*};
}

/// Whether the task may be settled: by its owner, or, where none is named, by whoever found that
/// its lease had ended by the cutoff (s).
macro_rules! may_settle {
    () => {
        r"
local function may_settle(lease, key, id, owner, cutoff)
  if owner ~= '' then return redis.call('HGET', key, 'owner') == owner end
  local ends = redis.call('ZSCORE', lease, id)
  return ends and tonumber(ends) <= tonumber(cutoff)
end
"
    };
}

scripts! {
    /// Keys: watched, events. Arguments: how long the word is good for (ms). Returns since when it is
    /// watched, after which number nothing is missing, the newest number, and whether it begins.
    FEED_WATCH = r"
local begun = redis.call('HGET', KEYS[1], 'begun')
local is_new = 0
if not begun then
  local t = redis.call('TIME')
  begun = string.format('%.0f', t[1] * 1000000 + t[2])
  is_new = 1
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'begun', begun, 'floor', begun)
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
local newest = begun
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
if last[1] then newest = string.match(last[1][1], '^%d+') end
return { tonumber(begun), tonumber(redis.call('HGET', KEYS[1], 'floor')), tonumber(newest), is_new }";

    /// Keys: watched, events. Arguments: how many are remembered, for how long (ms), then the events.
    /// Returns 0 when nobody watches.
    FEED_ADD = r"
local begun = redis.call('HGET', KEYS[1], 'begun')
if not begun then return 0 end
local t = redis.call('TIME')
local last = tonumber(begun)
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
if newest[1] then last = tonumber(string.match(newest[1][1], '^%d+')) end
local seq = math.max(last + 1, t[1] * 1000000 + t[2])
for i = 3, #ARGV do
  redis.call('XADD', KEYS[2], string.format('%.0f-0', seq), 'e', ARGV[i])
  seq = seq + 1
end
if redis.call('XTRIM', KEYS[2], 'MAXLEN', '~', ARGV[1]) > 0 then
  local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)
  local floor = tonumber(string.match(first[1][1], '^%d+')) - 1
  redis.call('HSET', KEYS[1], 'floor', string.format('%.0f', floor))
end
if not newest[1] then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
return 1";

    /// Keys: generation. Arguments: prefix of the topic's keys, name, the caller's token, for how long others
    /// wait for it (ms). Returns 0 and the value, 1 and the key under which to bring it, or 2.
    SHELF_LOOK = r"
local key = ARGV[1] .. (redis.call('GET', KEYS[1]) or '0') .. ':' .. ARGV[2]
local value = redis.call('GET', key)
if value then return { 0, value } end
if redis.call('SET', key .. ':bringing', ARGV[3], 'NX', 'PX', ARGV[4]) then return { 1, key } end
return { 2, '' }";

    /// Keys: value, who brings it. Arguments: the caller's token, the value, for how long it stays (ms).
    SHELF_PUT = r"
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";

    /// Keys: who brings a value. Arguments: the caller's token.
    SHELF_LEAVE = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";

    /// What is active comes again once it is let go; if its lease ends too early for somebody who
    /// extends it, nobody will let go of it, and it is taken away. The lease of one who was only
    /// slow is gone then, and what it says of the task later is not heard.
    ///
    /// Keys: pending, scheduled, retry, completed, active, lease. Arguments: now (ns), task prefix,
    /// the end of a lease that nobody extends (s), then id, message and start or '' of
    /// each. Returns how many came in anew.
    PUSH = r"
local fresh = {}
for i = 4, #ARGV, 3 do
  local id, key = ARGV[i], ARGV[2] .. ARGV[i]
  local state = redis.call('HGET', key, 'state')
  local comes = not state
  if state == 'active' then
    local ends = redis.call('ZSCORE', KEYS[6], id)
    comes = not ends or tonumber(ends) <= tonumber(ARGV[3])
    if comes then
      redis.call('LREM', KEYS[5], -1, id)
      redis.call('ZREM', KEYS[6], id)
      redis.call('HDEL', key, 'owner', 'again')
    else
      redis.call('HSET', key, 'again', '1')
    end
  elseif state == 'scheduled' then
    comes = redis.call('ZREM', KEYS[2], id) == 1
  elseif state == 'retry' then
    comes = redis.call('ZREM', KEYS[3], id) == 1
  elseif state == 'completed' then
    comes = redis.call('ZREM', KEYS[4], id) == 1
  end
  if comes then
    if state == 'retry' or state == 'active' then
      redis.call('HSET', key, 'state', 'pending', 'pending_since', ARGV[1])
    else
      redis.call('HSET', key, 'msg', ARGV[i + 1], 'state', 'pending', 'pending_since', ARGV[1])
      if ARGV[i + 2] ~= '' then redis.call('HSET', key, 'start', ARGV[i + 2]) end
    end
    fresh[#fresh + 1] = id
  end
end
if #fresh > 0 then redis.call('LPUSH', KEYS[1], unpack(fresh)) end
return #fresh";

    /// Keys: lock, task, pending. Arguments: id, lock's TTL (s), message, now (ns). Returns 1, or
    /// 0 if the id is taken, or -1 if the lock is.
    PUSH_UNIQUE = r"
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then return -1 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('HSET', KEYS[2], 'msg', ARGV[3], 'state', 'pending', 'pending_since', ARGV[4], 'unique_key', KEYS[1])
redis.call('LPUSH', KEYS[3], ARGV[1])
return 1";

    /// Keys: paused, pending, active, lease. Arguments: lease's end (s), task prefix, how many,
    /// owner. Returns id, message, `pending_since` and start of each. Ids without a task are dropped.
    TAKE = r"
if redis.call('EXISTS', KEYS[1]) == 1 then return {} end
local ids = redis.call('RPOP', KEYS[2], ARGV[3])
if not ids then return {} end
local out, live, lease = {}, {}, {}
for _, id in ipairs(ids) do
  local key = ARGV[2] .. id
  local task = redis.call('HMGET', key, 'msg', 'pending_since', 'start')
  if task[1] then
    redis.call('HSET', key, 'state', 'active', 'owner', ARGV[4])
    redis.call('HDEL', key, 'pending_since', 'start')
    live[#live + 1] = id
    lease[#lease + 1] = ARGV[1]
    lease[#lease + 1] = id
    out[#out + 1] = id
    out[#out + 1] = task[1]
    out[#out + 1] = task[2] or ''
    out[#out + 1] = task[3] or ''
  end
end
if #live > 0 then
  redis.call('LPUSH', KEYS[3], unpack(live))
  redis.call('ZADD', KEYS[4], unpack(lease))
end
return out";

    /// Keys: active, lease, pending, completed, processed, processed of the day. Arguments: when
    /// the day's counter ends (s), task prefix, now (ns), then of each: id, owner, lock or '',
    /// message if it is kept or '', until when it is kept (s). Returns how many were settled.
    DONE = r"
local n, again = 0, {}
for i = 4, #ARGV, 5 do
  local id, key = ARGV[i], ARGV[2] .. ARGV[i]
  local task = redis.call('HMGET', key, 'owner', 'again')
  if task[1] == ARGV[i + 1] and redis.call('LREM', KEYS[1], -1, id) == 1 then
    n = n + 1
    redis.call('ZREM', KEYS[2], id)
    if task[2] then
      redis.call('HDEL', key, 'again', 'owner')
      redis.call('HSET', key, 'state', 'pending', 'pending_since', ARGV[3])
      again[#again + 1] = id
    elseif ARGV[i + 3] ~= '' then
      redis.call('HDEL', key, 'owner')
      redis.call('HSET', key, 'msg', ARGV[i + 3], 'state', 'completed')
      redis.call('ZADD', KEYS[4], ARGV[i + 4], id)
    else
      redis.call('DEL', key)
    end
    if ARGV[i + 2] ~= '' and redis.call('GET', ARGV[i + 2]) == id then redis.call('DEL', ARGV[i + 2]) end
  end
end
if #again > 0 then redis.call('LPUSH', KEYS[3], unpack(again)) end
if n > 0 then
  redis.call('INCRBY', KEYS[5], n)
  if redis.call('INCRBY', KEYS[6], n) == n then redis.call('EXPIREAT', KEYS[6], ARGV[1]) end
end
return n";

    /// Active to pending. Keys: active, lease, pending. Arguments: task prefix, now (ns), then of
    /// each: id, owner or '' for whoever lost its lease, by when the lease must have ended (s),
    /// `pending_since` or '', message or '', 1 for the front. Returns how many moved.
    BACK = concat!(may_settle!(), r"local n = 0
for i = 3, #ARGV, 6 do
  local id, key = ARGV[i], ARGV[1] .. ARGV[i]
  if may_settle(KEYS[2], key, id, ARGV[i + 1], ARGV[i + 2]) then
    redis.call('ZREM', KEYS[2], id)
    if redis.call('LREM', KEYS[1], -1, id) == 1 and redis.call('EXISTS', key) == 1 then
      local since = ARGV[i + 3]
      if since == '' then since = ARGV[2] end
      redis.call('HDEL', key, 'owner', 'again')
      redis.call('HSET', key, 'state', 'pending', 'pending_since', since)
      if ARGV[i + 4] ~= '' then redis.call('HSET', key, 'msg', ARGV[i + 4]) end
      redis.call(ARGV[i + 5] == '1' and 'RPUSH' or 'LPUSH', KEYS[3], id)
      n = n + 1
    end
  end
end
return n");

    /// Active to retry or archived. Keys: active, lease, retry, archived, processed, processed of
    /// the day, failed, failed of the day, pending (for what was pushed meanwhile and would be
    /// tried again later). Arguments: task prefix, when the day's counters end (s), by when an
    /// archived task is too old (s), how many may be archived, now (ns), then of each: id, owner
    /// or '', by when the lease must have ended (s), `retry` or `archived`, score, message.
    /// Returns how many moved.
    AWAY = concat!(may_settle!(), r"local n = 0
for i = 6, #ARGV, 6 do
  local id, key = ARGV[i], ARGV[1] .. ARGV[i]
  if may_settle(KEYS[2], key, id, ARGV[i + 1], ARGV[i + 2]) then
    redis.call('ZREM', KEYS[2], id)
    if redis.call('LREM', KEYS[1], -1, id) == 1 and redis.call('EXISTS', key) == 1 then
      local state = ARGV[i + 3]
      if state == 'retry' and redis.call('HGET', key, 'again') then
        redis.call('HSET', key, 'msg', ARGV[i + 5], 'state', 'pending', 'pending_since', ARGV[5])
        redis.call('LPUSH', KEYS[9], id)
      else
        redis.call('HSET', key, 'msg', ARGV[i + 5], 'state', state)
        redis.call('ZADD', state == 'retry' and KEYS[3] or KEYS[4], ARGV[i + 4], id)
      end
      redis.call('HDEL', key, 'owner', 'again')
      n = n + 1
    end
  end
end
if n > 0 then
  redis.call('INCRBY', KEYS[5], n)
  if redis.call('INCRBY', KEYS[6], n) == n then redis.call('EXPIREAT', KEYS[6], ARGV[2]) end
  redis.call('INCRBY', KEYS[7], n)
  if redis.call('INCRBY', KEYS[8], n) == n then redis.call('EXPIREAT', KEYS[8], ARGV[2]) end
  local old = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[3], 'LIMIT', 0, 1000)
  local extra = redis.call('ZCARD', KEYS[4]) - #old - tonumber(ARGV[4])
  if extra > 0 then
    local more = redis.call('ZRANGE', KEYS[4], #old, #old + math.min(extra, 1000) - 1)
    for _, id in ipairs(more) do old[#old + 1] = id end
  end
  for _, id in ipairs(old) do redis.call('DEL', ARGV[1] .. id) end
  if #old > 0 then redis.call('ZREM', KEYS[4], unpack(old)) end
end
return n");

    /// Keys: lease. Arguments: task prefix, lease's end (s), then id and owner of each. Returns
    /// the ids that are no longer their owners'.
    EXTEND = r"
local lost, lease = {}, {}
for i = 3, #ARGV, 2 do
  local task = redis.call('HMGET', ARGV[1] .. ARGV[i], 'owner', 'state')
  if task[1] == ARGV[i + 1] and task[2] == 'active' then
    lease[#lease + 1] = ARGV[2]
    lease[#lease + 1] = ARGV[i]
  else
    lost[#lost + 1] = ARGV[i]
  end
end
if #lease > 0 then redis.call('ZADD', KEYS[1], unpack(lease)) end
return lost";

    /// Keys: lease. Arguments: by when the lease must have ended (s), task prefix, how many.
    /// Returns id and message, or '', of each.
    EXPIRED = r"
local out = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  out[#out + 1] = id
  out[#out + 1] = redis.call('HGET', ARGV[2] .. id, 'msg') or ''
end
return out";

    /// A part of the active list. Ids without a task go; those without a lease get one, which
    /// nobody will extend if nobody works on them. Keys: active, lease. Arguments: first and last
    /// place, task prefix, lease's end (s). Returns how many were looked at, went, got a lease.
    ORPHANS = r"
local ids = redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])
local gone, leased = 0, 0
for _, id in ipairs(ids) do
  if redis.call('EXISTS', ARGV[3] .. id) == 0 then
    redis.call('LREM', KEYS[1], 0, id)
    redis.call('ZREM', KEYS[2], id)
    gone = gone + 1
  elseif not redis.call('ZSCORE', KEYS[2], id) then
    redis.call('ZADD', KEYS[2], ARGV[4], id)
    redis.call('HSET', ARGV[3] .. id, 'state', 'active')
    leased = leased + 1
  end
end
return {#ids, gone, leased}";

    /// Keys: scheduled or retry, pending. Arguments: now (s), task prefix, now (ns), group prefix.
    /// Returns how many became due, at most 100.
    FORWARD = r"
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 100)
for _, id in ipairs(ids) do
  local key = ARGV[2] .. id
  redis.call('ZREM', KEYS[1], id)
  local group = redis.call('HGET', key, 'group')
  if group and group ~= '' then
    redis.call('ZADD', ARGV[4] .. group, ARGV[1], id)
    redis.call('HSET', key, 'state', 'aggregating')
  elseif redis.call('EXISTS', key) == 1 then
    redis.call('LPUSH', KEYS[2], id)
    redis.call('HSET', key, 'state', 'pending', 'pending_since', ARGV[3])
  end
end
return #ids";

    /// Keys: completed. Arguments: now (s), task prefix. Returns how many went, at most 100.
    FORGET = r"
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 100)
for _, id in ipairs(ids) do
  redis.call('DEL', ARGV[2] .. id)
  redis.call('ZREM', KEYS[1], id)
end
return #ids";

    /// Keys: server, workers. Arguments: TTL (s), server's message, then id and message of each.
    SHOW = r"
redis.call('SETEX', KEYS[1], ARGV[1], ARGV[2])
redis.call('DEL', KEYS[2])
for i = 3, #ARGV - 1, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[2], ARGV[1])
return 1";

    /// Keys: a scheduler's. Arguments: TTL (s), then the message of each of its schedules.
    SHOW_SCHEDULES = r"
redis.call('DEL', KEYS[1])
for i = 2, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1";

    /// Keys: pending, active, scheduled, retry, archived, completed, paused, processed, failed,
    /// processed of the day, failed of the day. Arguments: task prefix. Returns the sizes, 1 if
    /// paused, the counts, and `pending_since` of the oldest, or ''; all as text.
    STATS = r"
local out = {redis.call('LLEN', KEYS[1]), redis.call('LLEN', KEYS[2])}
for i = 3, 6 do out[i] = redis.call('ZCARD', KEYS[i]) end
out[7] = redis.call('EXISTS', KEYS[7])
for i = 8, 11 do out[i] = redis.call('GET', KEYS[i]) or 0 end
local oldest = redis.call('LINDEX', KEYS[1], -1)
out[12] = oldest and redis.call('HGET', ARGV[1] .. oldest, 'pending_since') or ''
local sample, bytes = redis.call('LRANGE', KEYS[1], 0, 4), 0
for _, id in ipairs(sample) do bytes = bytes + (redis.call('MEMORY', 'USAGE', ARGV[1] .. id) or 0) end
out[13] = #sample > 0 and math.floor(bytes / #sample) or 0
return out";

    /// Takes the lead, or keeps it. Keys: the election's. Arguments: who, TTL (ms). Returns 1 for
    /// the leader.
    LEAD = r"
local leader = redis.call('GET', KEYS[1])
if leader == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return 1
end
if leader then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

    /// Keys: the election's. Arguments: who.
    RESIGN = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_known_by_the_hash_of_its_text() {
        assert_eq!(TAKE.sha.len(), 40);
        assert_eq!(*RESIGN.sha, hex::encode(Sha1::digest(RESIGN.text)));
        assert_ne!(*TAKE.sha, *DONE.sha);
    }
}
