-- The content of a stored JSON string; nil if there is none.
local function stored_text(json)
  if not json then return nil end
  if json:sub(1, 1) == '"' and not json:find('\\', 1, true) then return json:sub(2, -2) end
  local ok, decoded = pcall(cjson.decode, '[' .. json .. ']')
  return ok and decoded[1] ~= cjson.null and decoded[1] or nil
end
