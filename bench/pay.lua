-- Payments for wrk: arg 1 a file of "token user_id" lines, arg 2 a run name, arg 3 "spread" or "hot".
local people = {}
local thread_count = 0
function setup(thread)
  thread:set("number", thread_count)
  thread_count = thread_count + 1
end
function init(args)
  for line in io.lines(args[1]) do
    local token, id = line:match("(%S+) (%S+)")
    people[#people + 1] = {token = token, id = id}
  end
  run, kind, pause, counter = args[2], args[3], tonumber(args[4] or "0"), 0
  math.randomseed(number + 1)
end
function request()
  counter = counter + 1
  local payer = math.random(2, #people)
  local payee = kind == "hot" and 1 or (payer + math.random(1, #people - 2) - 2) % (#people - 1) + 2
  local headers = {
    ["Authorization"] = "Bearer " .. people[payer].token,
    ["Content-Type"] = "application/json",
    ["Idempotency-Key"] = run .. "-" .. number .. "-" .. counter,
  }
  local body = '{"recipient":{"user_id":"' .. people[payee].id .. '"},"amount":1,"note":"' .. run .. ' ' .. counter .. '"}'
  return wrk.format("POST", nil, headers, body)
end
