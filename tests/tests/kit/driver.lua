-- Runs the script over records and writes what becomes of each, in lengths and bytes.
-- lua5.1 driver.lua SCRIPT RECORDS: the second file returns a list of { tag, sec, nsec, record }.
dofile(arg[1])
for _, given in ipairs(dofile(arg[2])) do
    local code, time, record = process(given[1], { sec = given[2], nsec = given[3] }, given[4])
    io.write(string.format("%d %d %d\n", code, time.sec, time.nsec))
    if code == 1 then
        for key, value in pairs(record) do
            assert(type(value) == "string", key)
            io.write(string.format("%s %d\n", key, #value), value, "\n")
        end
    end
    io.write("end 0\n\n")
end
