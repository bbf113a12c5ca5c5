-- Posts the lines of a file, each once, as submissions: wrk … -s http_posts.lua URL -- FILE FIRST COUNT
local requests, sent = {}, 0

function init(args)
  local first, count, number = tonumber(args[2]), tonumber(args[3]), 0
  local headers = { ["Content-Type"] = "application/sd-jwt" }
  for line in io.lines(args[1]) do
    number = number + 1
    if number > first and number <= first + count then
      requests[#requests + 1] = wrk.format("POST", "/v1/submissions", headers, line)
    end
  end
end

function request()
  sent = sent + 1 -- the first call is wrk's own, to see what it would get
  return requests[(math.max(sent, 2) - 2) % #requests + 1]
end
