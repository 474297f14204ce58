-- Reads for wrk: arg 1 a file of "token user_id" lines; each request as another of them.
local people = {}
function init(args)
  for line in io.lines(args[1]) do people[#people + 1] = line:match("(%S+) ") end
  counter = 0
end
function request()
  counter = counter % #people + 1
  return wrk.format("GET", nil, {["Authorization"] = "Bearer " .. people[counter]})
end
