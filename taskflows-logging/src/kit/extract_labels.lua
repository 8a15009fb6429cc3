-- What becomes of a record: the line that Loki keeps, and its labels.
--
-- A message that is a JSON object is the line as it stands. Another is wrapped into a JSON object whose `event` it is.
-- Plain Lua 5.1, which Fluent Bit's LuaJIT runs as well; nothing is loaded, and nothing is kept but the last times.

local LONGEST_LABEL = 100     -- bytes of `logger`, `app`, `environment`
local LONGEST_NAME = 255      -- bytes of `service_name`, `hostname`: what a unit's name may have
local LONGEST_ID = 200        -- bytes of an id in structured metadata
local DEEPEST = 127           -- levels of JSON, as those who read it back have it
local STREAMS = 512           -- so many names are remembered twice over, with the time of their last line
local REPLACEMENT = "\239\191\189"   -- U+FFFD

-- Text ------------------------------------------------------------------------------------------------------------

-- Returns how many bytes at `at` are one character (true), or are no part of any (false).
local function character(text, at)
    local lead = text:byte(at)
    local low, high, rest = 128, 191, nil
    if lead < 128 then return true, 1
    elseif lead >= 194 and lead <= 223 then rest = 1
    elseif lead >= 224 and lead <= 239 then
        rest = 2
        if lead == 224 then low = 160 elseif lead == 237 then high = 159 end
    elseif lead >= 240 and lead <= 244 then
        rest = 3
        if lead == 240 then low = 144 elseif lead == 244 then high = 143 end
    else return false, 1 end
    for nth = 1, rest do
        local byte = text:byte(at + nth)
        if not byte or byte < low or byte > high then return false, nth end
        low, high = 128, 191
    end
    return true, rest + 1
end

-- Returns the text with U+FFFD in the place of what is no UTF-8, as others replace it.
local function valid(text)
    local at = text:find("[\128-\255]")
    if not at then return text end
    local parts, start = {}, 1
    while at do
        local good, length = character(text, at)
        if not good then
            parts[#parts + 1] = text:sub(start, at - 1)
            parts[#parts + 1] = REPLACEMENT
            start = at + length
        end
        at = text:find("[\128-\255]", at + length)
    end
    if start == 1 then return text end
    parts[#parts + 1] = text:sub(start)
    return table.concat(parts)
end

-- Returns at most `limit` bytes of valid text, cut between characters.
local function cut(text, limit)
    if #text <= limit then return text end
    local last = limit
    while last > 0 and text:byte(last + 1) >= 128 and text:byte(last + 1) < 192 do last = last - 1 end
    return text:sub(1, last)
end

-- Returns a value that may be a label, or nil: valid, short, on one line.
local function label(value, limit)
    if type(value) == "number" then value = tostring(value) end
    if type(value) ~= "string" then return nil end
    value = valid(value):gsub("[%z\1-\31\127]+", " "):gsub("^ +", ""):gsub(" +$", "")
    if value == "" then return nil end
    return cut(value, limit)
end

-- Returns the name of a logger: whatever a name does not have becomes `_`.
local function logger_of(value)
    local name = label(value, LONGEST_LABEL)
    return name and (name:gsub("[^%w_.:/@<>%-\128-\255]", "_"))
end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
    ["\t"] = "\\t" }

local function escape(byte) return ESCAPES[byte] or string.format("\\u%04x", byte:byte()) end

-- Returns a string of JSON.
local function quoted(text) return '"' .. valid(text):gsub('[%z\1-\31"\\]', escape) .. '"' end

local encode

local function encode_table(value, depth)
    local parts, count = {}, 0
    for _ in pairs(value) do count = count + 1 end
    if count > 0 and count == #value then
        for nth, item in ipairs(value) do parts[nth] = encode(item, depth) end
        return "[" .. table.concat(parts, ",") .. "]"
    end
    local keys = {}
    for key in pairs(value) do keys[#keys + 1] = tostring(key) end
    table.sort(keys)
    for nth, key in ipairs(keys) do
        local item = value[key]
        if item == nil then item = value[tonumber(key)] end
        parts[nth] = quoted(key) .. ":" .. encode(item, depth)
    end
    return "{" .. table.concat(parts, ",") .. "}"
end

-- Returns any value as JSON.
encode = function(value, depth)
    depth = (depth or 0) + 1
    local kind = type(value)
    if kind == "string" then return quoted(value) end
    if kind == "boolean" then return tostring(value) end
    if kind == "number" then
        if value ~= value or value == math.huge or value == -math.huge then return "null" end
        if value == math.floor(value) and math.abs(value) < 2 ^ 64 then return string.format("%.0f", value) end
        -- The fewest digits that are this number again.
        for digits = 15, 17 do
            local text = string.format("%." .. digits .. "g", value)
            if tonumber(text) == value then return text end
        end
    end
    if kind == "table" and depth < DEEPEST then return encode_table(value, depth) end
    return "null"
end

-- JSON ------------------------------------------------------------------------------------------------------------

-- The keys whose values are of use here.
local WANTED = {}
for _, key in ipairs({ "app", "attempt", "environment", "hostname", "level", "level_name", "logger", "request_id",
    "run_id", "service_name", "severity", "taskflows_attempt", "taskflows_run_id", "timestamp_ns", "trace_id" }) do
    WANTED[key] = true
end

local SIMPLE = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

-- Returns where a string ends whose first byte is at `at`, and whether it has escapes; nil where it is none.
local function string_end(text, at)
    local escaped = false
    while true do
        local found = text:find('[%z\1-\31"\\]', at)
        if not found then return nil end
        local byte = text:sub(found, found)
        if byte == '"' then return found, escaped end
        if byte ~= "\\" then return nil end
        escaped = true
        local after = text:sub(found + 1, found + 1)
        if SIMPLE[after] then at = found + 2
        elseif after == "u" then
            local digits = text:match("^%x%x%x%x", found + 2)
            local code = digits and tonumber(digits, 16)
            if not code or (code >= 0xDC00 and code <= 0xDFFF) then return nil end
            at = found + 6
            if code >= 0xD800 and code <= 0xDBFF then
                local low = text:match("^\\u([dD][c-fC-F]%x%x)", at)
                if not low then return nil end
                at = at + 6
            end
        else return nil end
    end
end

local function utf8(code)
    local function part(shift) return 128 + math.floor(code / shift) % 64 end
    if code < 0x80 then return string.char(code) end
    if code < 0x800 then return string.char(192 + math.floor(code / 64), part(1)) end
    if code < 0x10000 then return string.char(224 + math.floor(code / 4096), part(64), part(1)) end
    return string.char(240 + math.floor(code / 262144), part(4096), part(64), part(1))
end

-- Returns what is between the quotes of a string that `string_end` found good.
local function unescaped(text)
    local parts, at = {}, 1
    while true do
        local found = text:find("\\", at, true)
        if not found then break end
        parts[#parts + 1] = text:sub(at, found - 1)
        local after = text:sub(found + 1, found + 1)
        if after ~= "u" then
            parts[#parts + 1] = SIMPLE[after]
            at = found + 2
        else
            local code = tonumber(text:sub(found + 2, found + 5), 16)
            at = found + 6
            if code >= 0xD800 and code <= 0xDBFF then
                code = 0x10000 + (code - 0xD800) * 1024 + tonumber(text:sub(at + 2, at + 5), 16) - 0xDC00
                at = at + 6
            end
            parts[#parts + 1] = utf8(code)
        end
    end
    parts[#parts + 1] = text:sub(at)
    return table.concat(parts)
end

-- Returns where a number that begins at `at` ends, or nil.
local function number_end(text, at)
    local after = text:match("^%-?0()", at) or text:match("^%-?[1-9]%d*()", at)
    if not after then return nil end
    after = text:match("^%.%d+()", after) or after
    after = text:match("^[eE][+-]?%d+()", after) or after
    local number = tonumber(text:sub(at, after - 1))
    if not number or number == math.huge or number == -math.huge then return nil end
    return after - 1
end

-- Returns the last byte of the string, number or word at `at`, and a string's or number's value.
local function scalar(text, at, wanted)
    local byte = text:sub(at, at)
    if byte == '"' then
        local last, escaped = string_end(text, at + 1)
        if not last or not wanted then return last end
        local inner = text:sub(at + 1, last - 1)
        return last, escaped and unescaped(inner) or inner
    end
    for _, word in ipairs({ "true", "false", "null" }) do
        if text:sub(at, at + #word - 1) == word then return at + #word - 1 end
    end
    local last = number_end(text, at)
    if last then return last, wanted and text:sub(at, last) end
end

local function after_space(text, at) return text:match("^[ \t\r\n]*()", at) end

-- Reads a key and its colon; returns the key and where its value begins.
local function key_at(text, at)
    if text:sub(at, at) ~= '"' then return nil end
    local last, escaped = string_end(text, at + 1)
    if not last then return nil end
    local key = text:sub(at + 1, last - 1)
    if escaped then key = unescaped(key) end
    at = after_space(text, last + 1)
    if text:sub(at, at) ~= ":" then return nil end
    return key, after_space(text, at + 1)
end

-- Returns what a JSON object has at its top level of use here; nil where the text is no JSON object.
-- The text is valid UTF-8. Of a key that is there twice the last one counts.
local function json_object(text)
    local at = after_space(text, 1)
    if text:sub(at, at) ~= "{" then return nil end
    local found, closers, depth = {}, { "}" }, 1
    at = after_space(text, at + 1)
    local first = true
    while depth > 0 do
        local closer = closers[depth]
        local byte = text:sub(at, at)
        if byte == closer then
            depth = depth - 1
            at, first = after_space(text, at + 1), false
        else
            if not first then
                if byte ~= "," then return nil end
                at = after_space(text, at + 1)
            end
            local key
            if closer == "}" then
                key, at = key_at(text, at)
                if not key then return nil end
            end
            local wanted = depth == 1 and WANTED[key]
            if wanted then found[key] = nil end
            byte = text:sub(at, at)
            if byte == "{" or byte == "[" then
                depth = depth + 1
                if depth > DEEPEST then return nil end
                closers[depth] = byte == "{" and "}" or "]"
                at, first = after_space(text, at + 1), true
            else
                local last, value = scalar(text, at, wanted)
                if not last then return nil end
                if value then found[key] = value end
                at, first = after_space(text, last + 1), false
            end
        end
    end
    return at > #text and found or nil
end

-- Levels ----------------------------------------------------------------------------------------------------------

local SEVERITY = {
    emergency = "CRITICAL", emerg = "CRITICAL", alert = "CRITICAL", critical = "CRITICAL", crit = "CRITICAL",
    fatal = "CRITICAL", error = "ERROR", err = "ERROR", warning = "WARNING", warn = "WARNING", notice = "INFO",
    info = "INFO", debug = "DEBUG", trace = "DEBUG",
}
local BY_PRIORITY = { [0] = "CRITICAL", "CRITICAL", "CRITICAL", "ERROR", "WARNING", "INFO", "INFO", "DEBUG" }
-- Those of which five words cannot tell: emergency, alert, notice.
local BETWEEN = { [0] = "0", [1] = "1", [5] = "5" }

-- Returns the severity: what the line says, else the journal's priority, else INFO.
local function severity_of(line, priority)
    local name = line.level_name or line.severity or line.level
    local said = type(name) == "string" and SEVERITY[name:lower()]
    return said or BY_PRIORITY[tonumber(priority)] or "INFO"
end

-- Times -----------------------------------------------------------------------------------------------------------

-- The last time of each name. Once STREAMS names are in `recent` it becomes `earlier`, and what was there is forgotten.
local recent, earlier, names = {}, {}, 0

-- Returns a time of which no other line of this name has the same, as long as times do not go back: lines of the same
-- microsecond are a nanosecond apart, up to 999 of them.
local function apart(name, sec, nsec)
    local last = recent[name] or earlier[name]
    if not recent[name] then
        if names >= STREAMS then recent, earlier, names = {}, recent, 0 end
        last = last or {}
        recent[name], names = last, names + 1
    end
    local again = last.sec == sec and last.nsec == nsec
    last.more = again and math.min(last.more + 1, 999) or 0
    last.sec, last.nsec = sec, nsec
    nsec = nsec + last.more
    if nsec >= 1000000000 then return sec + 1, nsec - 1000000000 end
    return sec, nsec
end

-- Returns the time that a line of a program names, where it is near that of the record.
local function named_time(text, sec)
    if type(text) ~= "string" or not text:match("^%d+$") or #text < 11 or #text > 19 then return nil end
    local said = tonumber(text:sub(1, -10))
    if said > sec + 600 or said < sec - 7 * 86400 then return nil end
    return said, tonumber(text:sub(-9))
end

-- Records ---------------------------------------------------------------------------------------------------------

-- Returns a field as text: the last one where there are several.
local function text_of(value)
    if type(value) == "table" then value = value[#value] end
    if type(value) == "number" then return encode(value) end
    if type(value) == "string" and value ~= "" then return value end
end

-- Returns a field that journald itself wrote, and no program can: the name begins with `_`, unless Fluent Bit was told
-- to strip it, and then anybody can write it.
local function trusted(record, name)
    if record._boot_id or record._transport then return text_of(record["_" .. name]) end
    return text_of(record[name])
end

local CHECK = "taskflows-logging-check"

local function service_in(unit) return unit and unit:match("^taskflows%-(.+)%.service$") end

-- Returns the container whose output dockerd wrote into the journal.
local function container_of(record)
    local name = text_of(record.container_name)
    if not name then return nil end
    local by_engine = trusted(record, "uid") == "0" or trusted(record, "systemd_user_unit") == "docker.service"
    return by_engine and name:gsub("^/", "") or nil
end

-- Returns the service an entry of the journal belongs to, and whether the manager wrote it; nil where it is nobody's.
local function owner(record)
    -- The line of `tf logging check` comes from wherever somebody typed it. Only the journal's own protocol has the field.
    if text_of(record.taskflows_check) and text_of(record.syslog_identifier) == CHECK then
        return service_in(CHECK .. ".service"), false
    end
    local user_unit, unit = trusted(record, "systemd_user_unit"), trusted(record, "systemd_unit")
    local is_wanted = not OPTIONS.user or trusted(record, "uid") == OPTIONS.user
    if user_unit then
        local service = service_in(user_unit)
        if service then return is_wanted and service or nil, false end
        if user_unit == "init.scope" then
            service = service_in(text_of(record.user_unit))
            if service then return is_wanted and service or nil, true end
        end
    end
    if OPTIONS.system then
        local service = service_in(unit)
        if service then return service, false end
        service = trusted(record, "pid") == "1" and service_in(text_of(record.unit))
        if service then return service, true end
    end
    if OPTIONS.docker then
        local container = container_of(record)
        if container then return container, false end
    end
    -- A process that was gone before journald could look up its unit: only its stream knows the name.
    local way = trusted(record, "transport")
    local named = (text_of(record.syslog_identifier) or ""):match("^taskflows%-(.+)$")
    if named and not user_unit and (way == "stdout" or way == "journal") then
        return (is_wanted or OPTIONS.system and trusted(record, "uid") == "0") and named or nil, false
    end
end

-- What is known of an entry of the journal.
local function from_journal(record)
    local service, by_manager = owner(record)
    if not service then return nil end
    local invocation
    if by_manager then invocation = text_of(record.user_invocation_id) or text_of(record.invocation_id)
    elseif not text_of(record.container_name) then invocation = trusted(record, "systemd_invocation_id") end
    -- A program of ours may write its line as fields.
    local own = text_of(record.event_fingerprint) and record or {}
    return {
        message = text_of(record.message), service = service, by_manager = by_manager, invocation = invocation,
        hostname = trusted(record, "hostname"), logger = text_of(own.logger) or text_of(record.syslog_identifier),
        priority = record.priority, level = own == record and record or nil, app = text_of(own.app),
        environment = text_of(own.environment), request_id = text_of(own.request_id), trace_id = text_of(own.trace_id),
        has_context = own == record,
        noted_run = text_of(record.taskflows_run_id), noted_attempt = text_of(record.taskflows_attempt),
    }
end

-- The keys of a line before and after the labels of its program's own; then come `taskflows_…` and `context`.
local FIRST = { "timestamp", "timestamp_ns", "event", "event_fingerprint", "severity", "level_name", "logger", "app",
    "environment", "hostname" }
local IDS = { "request_id", "trace_id", "run_id", "attempt" }

-- Returns a map as a line. Numbers are floating-point here, which have 53 bits: a time in nanoseconds is taken from that
-- of the record where they are the same but for that.
local function encode_record(record, sec, nsec)
    local parts, done, others, ours = {}, { context = true }, {}, {}
    local function add(key)
        done[key] = true
        local value = record[key]
        if value == nil then return end
        local text = encode(value, 1)
        if key == "timestamp_ns" and type(value) == "number" and math.abs(value - (sec * 1e9 + nsec)) < 1024 then
            text = string.format("%d%09d", sec, nsec)
        end
        parts[#parts + 1] = quoted(tostring(key)) .. ":" .. text
    end
    for _, key in ipairs(FIRST) do add(key) end
    for _, key in ipairs(IDS) do done[key] = true end
    for key in pairs(record) do
        local to = type(key) == "string" and key:match("^taskflows_") and ours or others
        if not done[key] then to[#to + 1] = key end
    end
    local function by_name(one, other) return tostring(one) < tostring(other) end
    table.sort(others, by_name)
    table.sort(ours, by_name)
    for _, keys in ipairs({ others, IDS, ours, { "context" } }) do
        for _, key in ipairs(keys) do add(key) end
    end
    return "{" .. table.concat(parts, ",") .. "}"
end

local function said(value) return type(value) == "string" and value ~= "" and value or nil end

-- What is known of a record that a program sent, or of a line of a file. Programs of taskflows send the text of the line
-- as well: a map has no order, and here its numbers lose digits.
local function from_program(tag, record, sec, nsec)
    local message = said(record.taskflows_line) or record.event == nil and said(record.log)
    local container = text_of(record.container_name)
    local file = text_of(record.file_path)
    local service = text_of(record.service_name) or container and container:gsub("^/", "")
        or file and (file:match("([^/]+)$"):gsub("%.[%w]+$", ""))
    return {
        message = message or encode_record(record, sec, nsec), service = service, fallback = tag,
        hostname = text_of(record.hostname),
        logger = text_of(record.logger), app = text_of(record.app), environment = text_of(record.environment),
        priority = record.priority, level = record, run_id = text_of(record.run_id), attempt = text_of(record.attempt),
        request_id = text_of(record.request_id), trace_id = text_of(record.trace_id), is_file = file ~= nil,
    }
end

local function date(sec, nsec)
    return os.date("!%Y-%m-%dT%H:%M:%S", sec) .. string.format(".%06dZ", math.floor(nsec / 1000))
end

-- Returns the fields of an entry whose names begin so, in the order of their names.
local function fields_of(record, prefix)
    local keys = {}
    for key in pairs(record) do
        if type(key) == "string" and key:lower():sub(1, #prefix) == prefix and key ~= "taskflows_line" then
            keys[#keys + 1] = key
        end
    end
    table.sort(keys)
    return keys
end

-- Returns a message that is no JSON object as one.
local function wrapped(known, labels, record, sec, nsec)
    local parts = {
        '"timestamp":' .. quoted(date(sec, nsec)), string.format('"timestamp_ns":%d%09d', sec, nsec),
        '"event":' .. quoted(known.message),
    }
    local function add(key, value)
        if value then parts[#parts + 1] = quoted(key) .. ":" .. quoted(value) end
    end
    for _, key in ipairs({ "severity", "level_name", "logger", "app", "environment", "hostname", "request_id",
        "trace_id", "run_id" }) do
        add(key, labels[key])
    end
    if labels.attempt and labels.attempt:match("^[1-9]%d?%d?%d?%d?%d?%d?%d?%d?$") then
        parts[#parts + 1] = '"attempt":' .. labels.attempt
    else add("attempt", labels.attempt) end
    add("format", "text")
    local priority = not known.level and BETWEEN[tonumber(known.priority)]
    if priority then parts[#parts + 1] = '"priority":' .. priority end
    if known.by_manager then add("origin", "systemd") end
    for _, key in ipairs(fields_of(record, "taskflows_")) do add(key:lower(), text_of(record[key])) end
    local context = {}
    for _, key in ipairs(known.has_context and fields_of(record, "context_") or {}) do
        local value = text_of(record[key])
        if value then context[#context + 1] = quoted(key:lower():sub(9)) .. ":" .. quoted(value) end
    end
    if #context > 0 then parts[#parts + 1] = '"context":{' .. table.concat(context, ",") .. "}" end
    return "{" .. table.concat(parts, ",") .. "}"
end

local RUN = "^" .. ("%x"):rep(32) .. "$"

-- Returns the id of a run, which is 32 hexadecimal digits as an invocation's is: others may call anything so.
local function id_of(value) return type(value) == "string" and value:match(RUN) and value:lower() or nil end

-- Returns the run of a line and its attempt. What `tf exec` noted stands against what the line says, which may be of a
-- task within that run.
local function run_of(known, line)
    local noted = id_of(known.noted_run)
    if noted then return noted, known.noted_attempt end
    return id_of(line.run_id) or id_of(line.taskflows_run_id) or id_of(known.run_id) or id_of(known.invocation),
        line.attempt or line.taskflows_attempt or known.attempt
end

-- Returns the labels and the structured metadata of a line.
local function labels_of(known, line)
    local severity = severity_of(line.level_name and line or line.severity and line or line.level and line
        or known.level or line, known.priority)
    local app = label(line.app, LONGEST_LABEL) or label(known.app, LONGEST_LABEL)
    local service = label(known.service, LONGEST_NAME) or label(line.service_name, LONGEST_NAME) or app
        or label(known.fallback, LONGEST_NAME) or "unknown"
    local run, attempt = run_of(known, line)
    return {
        service_name = service, app = app or cut(service, LONGEST_LABEL),
        environment = label(line.environment, LONGEST_LABEL) or label(known.environment, LONGEST_LABEL)
            or label(os.getenv("ENVIRONMENT"), LONGEST_LABEL) or OPTIONS.environment,
        hostname = label(line.hostname, LONGEST_NAME) or label(known.hostname, LONGEST_NAME)
            or label(os.getenv("HOSTNAME"), LONGEST_NAME) or "unknown",
        severity = severity, level_name = severity:lower(),
        logger = logger_of(line.logger) or logger_of(known.logger) or "unknown",
        request_id = label(line.request_id or known.request_id, LONGEST_ID),
        trace_id = label(line.trace_id or known.trace_id, LONGEST_ID),
        run_id = run, attempt = label(attempt, LONGEST_ID),
    }
end

-- Fluent Bit calls this for each record, with the time as a table of `sec` and `nsec`; -1 drops the record, 1 replaces it.
function process(tag, timestamp, record)
    local is_journal = tag == "journal"
    local known = is_journal and from_journal(record) or not is_journal
        and from_program(tag, record, timestamp.sec, timestamp.nsec)
    if not known or not known.message then return -1, timestamp, record end
    known.message = valid(known.message)
    local line = json_object(known.message)
    local labels = labels_of(known, line or {})
    local sec, nsec = timestamp.sec, timestamp.nsec
    if is_journal then nsec = nsec - nsec % 1000
    elseif line and known.is_file then
        local said, said_ns = named_time(line.timestamp_ns, sec)
        if said then sec, nsec = said, said_ns end
    end
    sec, nsec = apart(labels.service_name, sec, nsec)
    labels.line = line and known.message or wrapped(known, labels, record, sec, nsec)
    return 1, { sec = sec, nsec = nsec }, labels
end
