-- Payments at a given pace: pay.lua, each connection waiting arg 4 milliseconds on average between two of them.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "pay.lua")
function delay()
  return math.random(0, 2 * pause)
end
