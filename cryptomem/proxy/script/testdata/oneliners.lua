-- One script a line, each run on the engine and on a real Redis: KEYS is {k1, k2}, ARGV is {a1, 17, ""}.

-- What becomes of values.
return 1
return 1.9
return -1.9
return 1e15
return 2^53
return 2^63
return -2^63
return 1e300
return 0/0
return 1/0
return "text"
return ""
return "a\0b"
return true
return false
return nil
return
return {}
return {1,2,3}
return {1,nil,3}
return {1,2.5,"x",true,false,{1,{2}}}
return {true,false,nil,1}
return {ok="fine"}
return {ok="two\r\nlines"}
return {err="BAD thing"}
return {err="BAD two\r\nlines"}
return {err="one"}
return {err=5}
return {ok=5}
return {double=3.5}
return {double="3.5"}
return {big_number="123456789012345678901234567890"}
return {verbatim_string={format="txt",string="hello"}}
return {verbatim_string={format="txt"}}
return {map={a=1}}
return {set={a=true}}
return {1,2,x=3}
return function() end
return coroutine.create(function() end)
return cjson.null
return {cjson.null,1}
return 1,2,3
return KEYS
return ARGV
return #KEYS
return #ARGV
return KEYS[1]..ARGV[1]
return KEYS[3]
return {KEYS[3]}
return tostring(KEYS[3])

-- Numbers.
return tostring(1)
return tostring(1.5)
return tostring(0.1)
return tostring(1/3)
return tostring(1e15)
return tostring(1e14)
return tostring(99999999999999)
return tostring(100000000000000)
return tostring(123456789012345)
return tostring(1e100)
return tostring(1e-5)
return tostring(0.0001)
return tostring(-0)
return tostring(0*-1)
return tostring(0/0)
return tostring(-(0/0))
return tostring(1/0)
return tostring(-1/0)
return tostring(2^31)
return tostring(2^53+1)
return tostring(3.14159265358979)
return 1 .. ""
return 1.5 .. "x"
return 1e15 .. ""
return "x" .. 0.1 .. "y" .. 1/3
return 0/0 .. ""
return tostring(1e-7)
return tonumber("1e-7") * 1e7
return tostring(tonumber("1e-7"))
return tostring(tonumber("0x10"))
return tostring(tonumber("0x"))
return tostring(tonumber("010"))
return tostring(tonumber(" 12 "))
return tostring(tonumber("\t12\n"))
return tostring(tonumber("12a"))
return tostring(tonumber(""))
return tostring(tonumber(" "))
return tostring(tonumber("-"))
return tostring(tonumber("- 1"))
return tostring(tonumber("1 2"))
return tostring(tonumber("inf"))
return tostring(tonumber("-inf"))
return tostring(tonumber("nan"))
return tostring(tonumber("infinity"))
return tostring(tonumber("0x1p4"))
return tostring(tonumber("0x.8"))
return tostring(tonumber("1e400"))
return tostring(tonumber("1e-400"))
return tostring(tonumber("1_000"))
return tostring(tonumber("1\0002"))
return tostring(tonumber("."))
return tostring(tonumber(".5"))
return tostring(tonumber("5."))
return tostring(tonumber("1e"))
return tostring(tonumber("1e+"))
return tostring(tonumber("ff",16))
return tostring(tonumber("0xff",16))
return tostring(tonumber("zz",36))
return tostring(tonumber("8",8))
return tostring(tonumber("-7",8))
return tostring(tonumber("1111",2))
return tostring(tonumber("99999999999999999999",11))
return tostring(tonumber("1",1))
return tostring(tonumber("1",37))
return tostring(tonumber(12,16))
return tostring(tonumber({}))
return tostring(tonumber(nil))
return tonumber()
return tostring(tonumber("1e1",10))
return "10"+5
return "0x10"+0
return "010"+0
return " 10 "+1
return "1e2"*"2"
return 10 .. 20
return -"2"
return -"0x10"
return 7%3
return -7%3
return 7%-3
return -7%-3
return tostring(5%0)
return tostring(5%(1/0))
return tostring(-5%(1/0))
return 5.5%2
return "7"%"4"
return tostring(1e308%3)
return 2^10
return tostring(2^0.5)
return tostring(2^-1)
return tostring((-8)^(1/3))
return tostring(10^308*10)
return string.format("%.17g", 1.1^10)
return string.format("%.17g", 10^-5)
return string.format("%.17g", 3^40)
return string.format("%.17g", 0.3^0.7)
return string.format("%.17g", math.exp(1))
return string.format("%.17g", math.log(10))
return string.format("%.17g", math.log10(2))
return math.floor(math.log(1000)/math.log(10))
return math.floor(3.7)
return math.floor(-3.7)
return math.ceil(3.2)
return tostring(math.ceil(-0.5))
return math.abs(-5)
return tostring(math.sqrt(2))
return tostring(math.sqrt(-1))
return tostring(math.log(-1))
return tostring(math.log(0))
return tostring(math.sin(1))
return tostring(math.cos(1))
return tostring(math.tan(1))
return tostring(math.atan2(1,2))
return tostring(math.asin(2))
return tostring(math.pi)
return tostring(math.huge)
return tostring(math.fmod(-7,3))
return tostring(math.fmod(7,0))
return tostring(math.mod(7,3))
return {tostring(math.modf(3.7))}
return {math.modf(-3.7)}
return tostring(select(2,math.modf(3.7)))
return tostring(select(2,math.modf(1/0)))
return {math.frexp(8)}
return math.ldexp(1,10)
return math.max(1,5,3)
return math.min(4,2,8)
return math.max()
return math.max(1,"x")
return tostring(math.deg(math.pi))
return tostring(math.rad(180))
return tostring(math.pow(2,0.5))
return math.random(0)
return math.random(2,1)
return math.random(1,2,3)
math.randomseed(42) return math.random(1000)
math.randomseed(7) return tostring(math.random()+math.random())
math.randomseed(7) return {math.random(10),math.random(10),math.random(5,9)}
math.randomseed(-1) return math.random(1000)
math.randomseed(1e10) return math.random(1000)
return tostring(math.cosh(1)) .. tostring(math.sinh(1)) .. tostring(math.tanh(1))
return tostring(math.acos(0.5)) .. tostring(math.atan(0.5)) .. tostring(math.asin(0.5))

return tostring(math.sqrt(-1))..tostring(math.log(-1))..tostring(math.log10(-1))..tostring(math.acos(2))..tostring(math.asin(2))
return tostring(math.sin(1/0))..tostring(math.cos(1/0))..tostring(math.tan(1/0))..tostring(math.fmod(7,0))..tostring(math.fmod(1/0,2))
return tostring(math.log(0/0))..tostring(math.sqrt(0/0))..tostring(math.sin(0/0))..tostring((-8)^(1/3))..tostring((0/0)^2)..tostring(math.exp(0/0))
return tostring(math.exp(1000))..tostring(math.exp(-1000))..tostring(10^-400)..tostring((-2)^3)..tostring((-2)^-3)..tostring(0^-1)..tostring(0^0)
return tostring(math.log10(1000))..tostring(math.log10(0.001))..tostring(math.log10(0))..tostring(math.log(1/0))
return tostring(math.fmod(5,1/0))..tostring(math.fmod(-5,1/0))..tostring(math.fmod(-6,2))

-- Strings.
return string.len("abc")
return ("x"):rep(3)
return ("x"):rep(0)
return ("x"):rep(-1)
return string.rep("ab",2.7)
return string.sub("hello",2,3)
return string.sub("hello",-3)
return string.sub("hello",2,-2)
return string.sub("hello",0)
return string.sub("hello",10)
return string.sub("hello",-100,2)
return string.upper("abCé")
return string.lower("ABcÉ")
return string.reverse("abc")
return {string.byte("abc",1,-1)}
return {string.byte("abc")}
return {string.byte("abc",10)}
return string.char(72,105)
return string.char()
return string.char(256)
return string.char(-1)
return string.char("65")
return {string.find("hello","l")}
return {string.find("hello","xyz")}
return {string.find("hello","l",1,true)}
return {string.find("a.b",".",1,true)}
return {string.find("hello","",10)}
return {string.find("hello","",6)}
return {string.find("hello","",5)}
return {string.find("hello","(l)(l)")}
return {string.find("hello","()ll()")}
return {string.find("a+b","+",1,true)}
return {string.find("hello","^h")}
return {string.find("hello","^e")}
return {string.find("hello","o$")}
return {string.match("key=value","(%w+)=(%w+)")}
return string.match("hello 123","%d+")
return string.match("hello","%d+")
return {string.match("2024-01-15","(%d+)-(%d+)-(%d+)")}
return string.match("  trim  ","^%s*(.-)%s*$")
return string.match("[[x]]","%[%[(.*)%]%]")
return string.match("f(a(b)c)d","%b()")
return string.match("THE (quick) fox","%f[%a]%a+%f[%A]")
return string.match("abab","(ab)%1")
return string.match("x","[]]")
return string.match("]","[]]")
return string.match("-","[a%-z]")
return string.match("b","[^a]")
return string.match("a\0b","%z")
return string.match("abc",".-c")
return string.match("abc","a?b?c?d?")
return string.match("x^y","%^")
return string.match("abc","[a-")
return string.match("abc","%")
return string.match("abc","(a")
return string.match("abc","a)")
return string.match("abc","%1")
return string.match("abc","%f")
return string.match("abc","%b")
return {string.gsub("hello","l","L")}
return {string.gsub("hello","l","L",1)}
return {string.gsub("hello","","-")}
return {string.gsub("hello","(l)","<%1>")}
return {string.gsub("hello","l","%0%0")}
return {string.gsub("hello","l","%%")}
return {string.gsub("hello","l","%2")}
return {string.gsub("$name is $age","%$(%w+)",{name="x",age=5})}
return {string.gsub("abc","%w",function(c) return c:upper() end)}
return {string.gsub("abc","%w",function(c) end)}
return {string.gsub("abc","%w",function(c) return false end)}
return {string.gsub("abc","%w",function(c) return {} end)}
return {string.gsub("abc","^a","x")}
return {string.gsub("abc def","%w+","<%0>",1)}
return {string.gsub("abc","b")}
return {string.gsub("abc","b",nil)}
return {string.gsub("abc","b",true)}
return {string.gsub("hello world","o()","%1")}
local t={} for w in string.gmatch("one two","%a+") do t[#t+1]=w end return t
local t={} for k,v in string.gmatch("a=1,b=2","(%w+)=(%w+)") do t[#t+1]=k..v end return t
local n=0 for w in string.gmatch("abc","") do n=n+1 end return n
return string.gfind("a","a")
return string.format("%d %5d %-5d| %05d %+d",1,2,3,4,5)
return string.format("%d",3.99)
return string.format("%d",-3.99)
return string.format("%d","10")
return string.format("%d","x")
return string.format("%d",2^63)
return string.format("%u",-1)
return string.format("%x %X %#x %o",255,255,255,8)
return string.format("%x",-1)
return string.format("%c%c",72,105)
return string.format("%e %E",12345.678,0.00012)
return string.format("%f %.2f %10.3f",1.5,2.345,3.14159)
return string.format("%g %g %g %g",1e20,0.1,100,1e-10)
return string.format("%#g %#x %#o %#.0f",1,1,8,3)
return string.format("%.3g|%10.2g|%-10.2g|",1234.5,0.00012345,5)
return string.format("%s %s","a",1)
return string.format("%s",1.5)
return string.format("%10s|%-10s|%.2s","abc","abc","abc")
return string.format("%s",nil)
return string.format("%s",{})
return string.format("%s")
return string.format("%q",'a "quoted" \\ string\nnew\0line\r')
return string.format("%%")
return string.format("%y",1)
return string.format("%")
return string.format("%123d",1)
return string.format("%.123d",1)
return string.format("%-+ #0d",1)
return string.format("%-+ #0-d",1)
return string.format("%i",42)
return string.format("%5.1f|%-8.2f|%+.1f|% d",3.14159,2.5,1.05,7)
return string.format("%f",1/0)
return string.format("%05f",-1/0)
return string.format("%g",0/0)
return string.format("%.14g",0.1)
return string.format("%.20f",0.1)
return string.format("%99.99f",1)
return #string.format("%s",("x"):rep(1000))
return string.format("%5s","a\0b")
return string.format("%.0f %.0f %.0f",0.5,1.5,2.5)
return string.format("%5c|",65)
return ("abc"):len()
return #"abc"
return ("%d"):format(7)
return "abc" < "abd"
return "a" < "B"
return "" < "a"
return "10" < "9"
return "a" == "a"
return "1" == 1
return "\65\066\x"
return 'a\
b'
return [[long]]
return [==[a]]b]==]
return "tab\tnl\nq\"bs\\"

-- Tables.
return table.concat({1,2,3},",")
return table.concat({1,2,3})
return table.concat({},",")
return table.concat({1,2,3},",",2)
return table.concat({1,2,3},",",2,3)
return table.concat({1,{},3},",")
return table.concat({1,2.5,"x"},"-")
return table.concat({1,nil,3},",",1,3)
local t={1,2} table.insert(t,3) return t
local t={1,2} table.insert(t,1,0) return t
local t={1,2} table.insert(t,5,9) return t
local t={1,2} table.insert(t) return t
local t={1,2} table.insert(t,1,2,3) return t
local t={1,2,3} return {table.remove(t),#t}
local t={1,2,3} return {table.remove(t,1),t[1],t[2],#t}
local t={} return {table.remove(t)}
local t={1,2,3} return {table.remove(t,7),#t}
local t={3,1,2} table.sort(t) return t
local t={3,1,2} table.sort(t,function(a,b) return a>b end) return t
local t={"b","a","c"} table.sort(t) return t
local t={3,"a",2} table.sort(t) return t
local t={3,1,2,5,4,9,8,7,6,0} table.sort(t,function(a,b) return true end) return t
local t={1,2,nil} table.sort(t) return t
return table.maxn({1,2,3})
return table.maxn({[10]=1,[3.5]=2})
return table.getn({1,2,3})
return table.setn({},1)
local t={} table.foreach({5},function(k,v) t[#t+1]=k t[#t+1]=v end) return t
local t={} table.foreachi({5,6},function(k,v) t[#t+1]=v end) return t
return table.foreachi({5,6},function(k,v) return v end)
return #{1,2,3}
return #{n=1}
return #{1,2,nil,4}
return {unpack({1,2,3})}
return {unpack({1,2,3},2)}
return {unpack({1,2,3},2,3)}
return {unpack({1,2},1,4)}
return {unpack({},1,0)}
return unpack({},1,8000)
return unpack({},1,1e7)
return select("#",unpack({},1,7000))
return {select(2,"a","b","c")}
return {select(-1,"a","b","c")}
return select("#")
return select("#",nil,nil)
return select(0)
return select(-5,1)
return select("x")
local t={} for i,v in ipairs({1,2,nil,4}) do t[#t+1]=v end return t
local n=0 for k,v in pairs({1,2,3,a=1}) do n=n+1 end return n
return next({})
return {next({5})}
return {next({a=1})}
return next({},"nokey")
return {rawget({5},1), rawequal(1,1), rawequal({}, {})}
local t=rawset({},"a",1) return t.a
return tostring(rawget({},"x"))
local t={10,20,30} t[2]=nil return t
local t={} t[1]=1 t[2]=2 t[4]=4 return #t
local t={[1]="a",[2]="b"} return #t
local t={} t[1.5]=1 t["x"]=2 return {t[1.5],t.x}
local t={} t[nil]=1
local t={} t[0/0]=1
return ({})[nil]
local t={{1},{2}} return t[2][1]
local a,b,c=1,2 return {a,b,tostring(c)}
local a,b=1,2,3 return {a,b}
local a,b=1,2 a,b=b,a return {a,b}
local t={1,2} local i=1 i,t[i]=i+1,20 return {i,t[1],t[2]}
local t={} t.x,t.y=1 return {t.x,tostring(t.y)}
local function f() return 1,2,3 end local t={f(),f()} return t
local function f() return 1,2,3 end return {(f())}
local function f(...) return select("#",...) end return f(nil,nil)
local function f(...) return arg.n end return f(1,2)
local t={f=function(self,x) return self.v+x end,v=10} return t:f(5)
local t={} function t.a() return 1 end function t:b() return self==t end return {t.a(),t:b()}
local s=0 for i=1,10 do s=s+i end return s
local s=0 for i=10,1,-3 do s=s+i end return s
local s=0 for i=1,0 do s=s+1 end return s
local s=0 for i="1","3" do s=s+i end return s
for i="a",3 do end
for i=1,"b" do end
for i=1,2,{} do end
local s=0 for i=0.1,1,0.1 do s=s+1 end return s
local i=0 while true do i=i+1 if i>5 then break end end return i
local i=0 repeat local j=i i=i+1 until j>=3 return i
if nil then return 1 elseif false then return 2 else return 3 end
do local x=1 end return type(x)
local f f=function(n) if n<2 then return n end return f(n-1)+f(n-2) end return f(15)
local function f(a) a=a..a return a end return f("x")
local function f(a,b) b=tostring(b) return a..b end return f("x",1)
local function f(k) k=redis.call("echo",k) return k end return f("v")
local t={} for i=1,3 do t[i]=function() return i end end return {t[1](),t[2](),t[3]()}
local x=1 local function f() x=x+1 return x end f() return f()
return not nil
return not 0
return nil and 1
return false or "x"
return 1 and 2
return nil == false
return {1 == 1.0, "a" ~= "b"}
return 1 < 2 and 2 <= 2 and 3 > 2 and 3 >= 3
return 2+3*4^2/2
return (2+3)*4
return -2^2
return 2^3^2
return 1 ..2 ..3
return "a".."b"=="ab"
local goto=1 return goto

-- Errors.
error("boom")
error("boom",0)
error("boom",2)
error({err="CUSTOM error"})
error({err="no code"})
error()
error(nil)
error(5)
error(true)
return error("x")
local function f() error("in f") end f()
local function f() error("level 2",2) end f()
local function f() error("level 3",3) end local function g() f() end g()
local function f() return error("tail") end return f()
assert(false)
assert(nil,"message")
assert(false,5)
assert()
return assert(1,2)
return {assert(5,6)}
return {pcall(error,"x")}
return {pcall(error,"x",0)}
return {pcall(error,{err="E x"})}
return {pcall(error,{code=1})}
return {pcall(error)}
return {pcall(function() error("in") end)}
return {pcall(function() error({err="in table"}) end)}
return {pcall(function() local x=nil; x.y=1 end)}
return {pcall(function() return 1,2,3 end)}
return {pcall(nil)}
return {pcall(5)}
return {pcall({})}
return {xpcall(function() error("x") end,function(e) return "handled "..e end)}
return {xpcall(function() return 1,2 end,function(e) return e end)}
return {xpcall(function() error({err="t"}) end,function(e) return e.err end)}
return xpcall(function() end)
return {select("#",pcall(error))}
local ok,e=pcall(redis.call,"nosuch") return e
local ok,e=pcall(redis.call,"get") return e
local e=redis.pcall("nosuch") return e.err
local e=redis.pcall("nosuch") return e
local x=nil return x.y
local x=nil return x.y.z
local x={} return x.y.z
local x={a={}} return x.a.b.c
local x={} return x[1].z
local x={} local i=1 return x[i].z
local x=5 return x.y
local x=true return x.y
return nope
return nope.x
return nope()
return _G.nope
return _G["nope"]
local x=nil x()
local x={} x.f()
local x={} x:f()
local x={} x.y:f()
local x=5 x()
("x")()
local x={} x()
redis.nope()
string.nope()
local s="x" s:nope()
local x=nil return x:f()
local x=nil x.y=1
local x=nil x[1]=1
local x={} x.y.z=1
local x=5 x.y=1
local s="x" s.y=1
return 1+nil
return nil+1
local x return x+1
local x return 1+x
local x={} return x.a+1
local x={} return x+1
local x={} return 1+x
return {}+1
return "a"+1
local s="a" return s+1
local s="a" return 1-s
local x=true return x*2
return -{}
return -nil
local x return -x
local x="a" return -x
local x={} return -x
return #nil
return #5
local x return #x
local x={} return #x.y
return nil..""
return ""..nil
local x return "a"..x
local x return x.."a"
local x={} return "a"..x.y.."b"
return {}..""
return true.."x"
return "a"..{}.."b"
local x return "a".."b"..x.."c"
return 1<nil
return nil<1
return {}<{}
return {}<=1
return "a"<1
return 1<"a"
return nil>1
return true<false
return print<1
local x={} return x<1
return 1%nil
local x return x%2
local x return 2^x
return nil^2
local up local function f() return up.x end return f()
local up local function f() return up() end return f()
local up local function f() up.x=1 end f()
local up local function f() return up+1 end return f()
for k in nil do end
for k in 5 do end
for k,v in pairs(nil) do end
for k,v in ipairs() do end
x=1
x.y=1
function foo() end
_G.x=1
_G["x"]=1
rawset(_G,"x",1)
redis.x=1
redis.call=nil
string.x=1
math.pi=3
table.insert(redis,1)
setmetatable(_G,{})
setmetatable(redis,{})
getmetatable(_G).__index=nil
getmetatable("").__index=nil
getmetatable("").x=1
KEYS[1]="changed" return KEYS[1]
KEYS.x=1 return KEYS.x
ARGV={} 
KEYS={}
return type(getmetatable(_G))
return tostring(getmetatable(_G).__index==nil)
return getmetatable("").__index==string
return tostring(getmetatable(1))
return tostring(getmetatable(nil))
return tostring(getmetatable({}))
return getmetatable()
return setmetatable(1,{})
return setmetatable({},1)
return setmetatable({})
return tostring(getmetatable(setmetatable({},{__metatable="locked"})))
setmetatable(setmetatable({},{__metatable=1}),{})
return setmetatable({},{__index=function(t,k) return k.."!" end).x
return setmetatable({},{__index={x=5}}).x
local t=setmetatable({},{__newindex=function(t,k,v) rawset(t,k,v*2) end}) t.x=5 return t.x
local b={} local t=setmetatable({},{__newindex=b}) t.x=5 return {tostring(rawget(t,"x")),b.x}
return setmetatable({},{__call=function(self,a) return a+1 end})(5)
return setmetatable({},{__add=function(a,b) return "added" end})+1
return 1+setmetatable({},{__add=function(a,b) return "added" end})
return "x"+setmetatable({},{__add=function(a,b) return "added" end})
return setmetatable({},{__concat=function(a,b) return "cat" end).."x"
return "x"..setmetatable({},{__concat=function(a,b) return "cat" end})
return 1 ..2 ..setmetatable({},{__concat=function(a,b) return a.."!" end})
return setmetatable({},{__eq=function() return true end})==setmetatable({},{})
local m={__eq=function() return true end} return setmetatable({},m)==setmetatable({},m)
local m={__lt=function() return true end} return setmetatable({},m)<setmetatable({},m)
local m={__lt=function() return false end} return setmetatable({},m)<=setmetatable({},m)
local m={__le=function() return true end} return setmetatable({},m)<=setmetatable({},m)
return -setmetatable({},{__unm=function() return 7 end})
return setmetatable({},{__mod=function() return 8 end})%2
return setmetatable({},{__pow=function() return 9 end})^2
return tostring(setmetatable({},{__tostring=function() return "me" end}))
return #setmetatable({},{__len=function() return 7 end})
return tostring(nil)..tostring(true)
return tostring()
return type()
return type(nil)
return type(type)
return type(cjson.null)
return tostring(cjson.null)
return ipairs
return rawget(1)
return rawset({},1)
return rawequal(1)
return loadstring("return 1+1")()
return {loadstring("syntax error here")}
return {loadstring("x=")}
return {loadstring("return x","=name")}
return loadstring("error('inner')")()
return loadstring("error('inner')","@file")()
return loadstring("error('inner')","=name")()
return loadstring("local x=nil; return x.y")()
return loadstring("\n\nerror('line 3')")()
return loadstring("return ...")(5)
return loadstring("x=1")()
return load(function() return nil end)
return tostring(load(function() return nil end)())
local n=0 return load(function() n=n+1 return ({"return ","42"})[n] end)()
return {load(function() return {} end)}
return load("return 1")
return collectgarbage("stop")
return collectgarbage("nope")
return type(collectgarbage("count"))
return type(gcinfo())
return _VERSION
return _G._VERSION
return _G==_G._G
return os.clock()
return os
return io
return require("x")
return dofile("x")
return loadfile
return print
return debug
return package
return newproxy
return getfenv
return setfenv
return module
return type(__redis__err__handler)
return __redis__err__handler("x").err

-- Syntax errors.
foo bar
return 1 +
x = 
if
if true
if true then
for
for i
for i=1
for i=1,2
for a,b
while
while true
repeat
repeat until
function
function f
function f(
function f(a
function f(a,)
function f(...,a) end
local
local function
local x =
local 1
return return
return 1 2
break
do break end
for i=1,2 do break end return 1
end
(
)
a.
a:
a:b
a[
a[1
{
{1
return {1
return {1,
return {1 2}
return {a=}
return {[1]}
return {[1]=}
1 = 2
f() = 1
(a) = 1
a, f() = 1
a, b
return "unfinished
return 'unfinished
return [[unfinished
return [=[unfinished]]
return [=x
return "\300"
return 1e
return 1.2.3
return 0x
return 0xg
return 3x
return 1..2
return ~1
return 1 ~ 2
return a != b
return !a
return @
return $
return #
return a ? b
return "a" "b"
return ...
return (...)
function f() return ... end
local function f() return ... end return f()
--[[ unfinished
-- comment only
--[[ c ]] return 1
--[==[ c ]] ]==] return 2
#!lua
#!lua flags=nope
#!python
#!
# x
return 1;
return 1;;
;
;return 1
local x <const> = 1
goto done
::label::
return 1 // 2
return 1 & 2
return function() end end
return (1
return f(1
return f(1,
local t = {} t.1 = 2
local and = 1
and
not
return not
return -
x.y.z
x = = 1
x == 1
"str"
5
nil
{}
function() end
return [[nested [[x]] ]]

-- Redis.
return redis.call("set","k1","v")
return redis.call("get","nope")
return redis.call("set","k1",5)
redis.call("set","k1",1.5) return redis.call("get","k1")
redis.call("set","k1",0.1) return redis.call("get","k1")
redis.call("set","k1",1/3) return redis.call("get","k1")
redis.call("set","k1",1e15) return redis.call("get","k1")
redis.call("set","k1",1e17) return redis.call("get","k1")
redis.call("set","k1",2^53) return redis.call("get","k1")
redis.call("set","k1",1/0) return redis.call("get","k1")
redis.call("set","k1",0/0) return redis.call("get","k1")
redis.call("set","k1",-0.0) return redis.call("get","k1")
redis.call("set","k1",true)
redis.call("set","k1",nil)
redis.call("set","k1",{})
redis.call()
redis.call({})
redis.call(nil)
redis.call("")
redis.call("get")
redis.call("get","a","b")
redis.call("nosuch","x")
redis.call("subscribe","x")
return redis.pcall()
return redis.pcall("get",{})
return redis.pcall("get")
return {redis.pcall("set","k1","v"),redis.pcall("get","k1")}
return redis.call("type","k1").ok
return redis.call("type","k1")["ok"]
redis.call("lpush","k1","x") return redis.call("get","k1")
redis.call("lpush","k1","x") return redis.pcall("get","k1")
redis.call("lpush","k1","x") return redis.pcall("get","k1").err
redis.call("lpush","k1","x") local ok,e=pcall(redis.call,"get","k1") return e
redis.call("lpush","k1","x") return redis.pcall("get","k1").ignore_error_stats_update
redis.call("set","k1","x") return redis.call("incr","k1")
return redis.call("incr","k1")
return redis.call("incrbyfloat","k1","0.1")
return redis.call("mget","k1","k2","k3")
return redis.call("hgetall","k1")
redis.call("hset","k1","a","1","b","2") return redis.call("hgetall","k1")
redis.call("hset","k1","a","1") return redis.call("hget","k1","b")
redis.call("hset","k1","a","1") return type(redis.call("hget","k1","b"))
redis.call("zadd","k1",1.5,"m") return redis.call("zscore","k1","m")
redis.call("zadd","k1",1.5,"m") return redis.call("zrange","k1",0,-1,"withscores")
redis.call("rpush","k1","a","b") return redis.call("lrange","k1",0,-1)
redis.call("sadd","k1","a") return redis.call("smembers","k1")
redis.call("set","k1","v","px",100000) return redis.call("ttl","k1")
return redis.call("exists","k1","k2")
return redis.call("ping")
return redis.call("echo","hi")
return redis.call("SET",KEYS[1],ARGV[1],"NX")
redis.call("set",KEYS[1],"x") return redis.call("SET",KEYS[1],ARGV[1],"NX")
return redis.call("set","k1","v","bad")
return redis.sha1hex("")
return redis.sha1hex("abc")
return redis.sha1hex(1)
return redis.sha1hex(nil)
return redis.sha1hex()
return redis.sha1hex(1,2)
return redis.status_reply("FINE")
return redis.status_reply()
return redis.status_reply(5)
return redis.status_reply({})
return redis.error_reply("My error")
return redis.error_reply("-CODE text")
return redis.error_reply("CODE text")
return redis.error_reply("single")
return redis.error_reply("two\r\n")
return redis.error_reply("")
return redis.error_reply()
return redis.error_reply(5)
return redis.error_reply("X y").err
return redis.log(redis.LOG_DEBUG,"x")
return redis.log(1)
return redis.log("x","y")
return redis.log(7,"y")
return redis.setresp(3)
return redis.setresp(4)
return redis.setresp()
redis.setresp(3) return redis.call("hgetall","k1")
redis.setresp(3) redis.call("hset","k1","a","1") return redis.call("hgetall","k1")
redis.setresp(3) redis.call("hset","k1","a","1") return redis.call("hgetall","k1").map.a
redis.setresp(3) redis.call("sadd","k1","a") return redis.call("smembers","k1").set.a
redis.setresp(3) redis.call("zadd","k1",1.5,"m") return redis.call("zscore","k1","m").double
redis.setresp(3) redis.call("zadd","k1",1.5,"m") return redis.call("zscore","k1","m")
redis.setresp(3) return tostring(redis.call("get","nope"))
redis.setresp(3) return true
redis.setresp(3) return {true,false}
redis.setresp(3) return redis.call("get","nope")
return redis.set_repl(redis.REPL_ALL)
return redis.set_repl(99)
return redis.set_repl()
return redis.breakpoint()
return redis.debug("x")
return redis.replicate_commands()
return redis.acl_check_cmd("get","x")
return redis.acl_check_cmd()
return redis.REDIS_VERSION_NUM
return redis.REDIS_VERSION
return {redis.LOG_DEBUG,redis.LOG_VERBOSE,redis.LOG_NOTICE,redis.LOG_WARNING}
return {redis.REPL_NONE,redis.REPL_AOF,redis.REPL_SLAVE,redis.REPL_REPLICA,redis.REPL_ALL}
return redis.call("select",0)
return {pcall(redis.call,"select",0)}
return type(redis.call("time")[1])
return redis.call("object","help")[1]

-- cjson.
return cjson.encode({1,2,3})
return cjson.encode({})
return cjson.encode({a=1})
return cjson.encode({a={b={c="d"}}})
return cjson.encode("a\"b\\c/d\n\t\r\b\f\1\127é")
return cjson.encode(1.5)
return cjson.encode(1e20)
return cjson.encode(0.1)
return cjson.encode(1/3)
return cjson.encode(123456789012345)
return cjson.encode(true)
return cjson.encode(nil)
return cjson.encode(cjson.null)
return cjson.encode({1,nil,3})
return cjson.encode({[1]=1,[2]=2})
return cjson.encode({[3]=1})
return cjson.encode({[11]=1})
return cjson.encode({[0]=1})
return cjson.encode({[1.5]=1})
return cjson.encode({[-1]=1})
return cjson.encode({1,2,x=3})
return cjson.encode({[true]=1})
return cjson.encode({[{}]=1})
return cjson.encode(function() end)
return cjson.encode({f=print})
return cjson.encode({function() end})
return cjson.encode(0/0)
return cjson.encode(1/0)
return cjson.encode()
return cjson.encode(1,2)
local t={} t.t=t return cjson.encode(t)
local t={} for i=1,999 do t={t} end return #cjson.encode(t)
local t={} for i=1,1000 do t={t} end return cjson.encode(t)
return cjson.encode({{},{}})
return cjson.encode({cjson.null,1})
return cjson.decode("[1,2,3]")
return cjson.decode('{"a":1}').a
return cjson.decode('{"a":{"b":[1,{"c":"d"}]}}').a.b[2].c
return cjson.decode('"text"')
return cjson.decode('"\\u00e9\\n\\/\\"\\\\"')
return cjson.decode('"\\ud83d\\ude00"')
return cjson.decode('"\\ud83d"')
return cjson.decode('"\\u12"')
return cjson.decode('"\\x"')
return cjson.decode('"abc')
return cjson.decode('1.5e3')
return cjson.decode('-0')
return cjson.decode('01')
return cjson.decode('0x10')
return cjson.decode('+5')
return cjson.decode('inf')
return tostring(cjson.decode('nan'))
return cjson.decode('-')
return cjson.decode('-x')
return cjson.decode('true')
return cjson.decode('null')
return cjson.decode('null')==cjson.null
return cjson.decode('nul')
return cjson.decode('')
return cjson.decode(' ')
return cjson.decode('[')
return cjson.decode('[1')
return cjson.decode('[1,')
return cjson.decode('[1,]')
return cjson.decode('[,1]')
return cjson.decode('[1 2]')
return cjson.decode('{')
return cjson.decode('{1:2}')
return cjson.decode('{"a"}')
return cjson.decode('{"a":}')
return cjson.decode('{"a":1,}')
return cjson.decode('{"a" 1}')
return cjson.decode('{"a":1 "b":2}')
return cjson.decode('1 2')
return cjson.decode('[] x')
return cjson.decode('[]')
return cjson.decode('{}')
return cjson.decode('a')
return cjson.decode('\0')
return cjson.decode('1\0')
return cjson.decode('[1]\0x')
return cjson.decode()
return cjson.decode(nil)
return cjson.decode({})
return cjson.decode(5)
return type(cjson.decode(('['):rep(1000)..(']'):rep(1000)))
return cjson.decode(('['):rep(1001)..(']'):rep(1001))
return cjson.decode('{"a":1,"a":2}').a
return cjson.decode('[null,1]')
return cjson.encode(cjson.decode('[1,"a",null,true,{"x":[]}]'))
return cjson.encode(cjson.decode('{"a":[]}'))
return cjson.decode('[1.0,2.5,1e2]')
return cjson.encode_number_precision(14)
return cjson.encode_max_depth()
return cjson.decode_max_depth(0)
return {cjson.encode_sparse_array()}
return cjson.encode_invalid_numbers()
return cjson.decode_invalid_numbers()
return cjson.encode_keep_buffer()
return cjson.encode_max_depth(1,2)
return cjson._NAME..cjson._VERSION
local c=cjson.new() c.encode_number_precision(3) return c.encode(1/3)..cjson.encode(1/3)
local c=cjson.new() c.encode_sparse_array(true) return c.encode({[100]=1})
local c=cjson.new() c.encode_invalid_numbers(true) return c.encode({1/0,0/0,-1/0})
local c=cjson.new() c.encode_invalid_numbers("null") return c.encode({1/0,0/0})
local c=cjson.new() c.decode_invalid_numbers(false) return c.decode("0x10")
local c=cjson.new() c.decode_invalid_numbers(false) return c.decode("-inf")
local c=cjson.new() c.encode_max_depth(2) return c.encode({{{}}})
local c=cjson.new() return c.encode_invalid_numbers("bad")

-- cmsgpack.
return cmsgpack.pack(1)
return cmsgpack.pack(-1)
return cmsgpack.pack(127,128,255,256,65535,65536,2^32-1,2^32,2^53)
return cmsgpack.pack(-32,-33,-128,-129,-32768,-32769,-2^31,-2^31-1,-2^53)
return cmsgpack.pack(1.5,0.1,1/0,-1/0,1e300)
return cmsgpack.pack("a",("x"):rep(31),("x"):rep(32),("x"):rep(256))
return redis.sha1hex(cmsgpack.pack(("x"):rep(70000)))
return cmsgpack.pack(true,false,nil)
return cmsgpack.pack({1,2,3})
return cmsgpack.pack({a=1})
return cmsgpack.pack({})
return cmsgpack.pack({[1]=1,[3]=3})
return cmsgpack.pack({[1.5]=1})
return cmsgpack.pack(function() end)
return cmsgpack.pack(cjson.null)
return cmsgpack.pack()
local t={} for i=1,20 do t={t} end return cmsgpack.pack(t)
local t={} for i=1,20 do t[i]=i end return cmsgpack.pack(t)
return {cmsgpack.unpack(cmsgpack.pack(1,-1,1.5,"x",true,false,{1,2}))}
return cmsgpack.unpack(cmsgpack.pack({a={b=2}})).a.b
return {cmsgpack.unpack_one(cmsgpack.pack(1,2,3))}
return {cmsgpack.unpack_one(cmsgpack.pack(1,2,3),1)}
return {cmsgpack.unpack_one(cmsgpack.pack(1,2,3),2)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),2)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),2,1)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),0,1)}
return cmsgpack.unpack("\193")
return cmsgpack.unpack("\145")
return cmsgpack.unpack("\204")
return cmsgpack.unpack("\217\5ab")
return {cmsgpack.unpack("")}
return cmsgpack.unpack()
return cmsgpack.unpack(nil)
return cmsgpack.unpack_one("x",-1)
return cmsgpack.unpack_one("x",5)
return cmsgpack.unpack_limit("x",-1)
return {cmsgpack.unpack("\208\128\209\128\0\210\128\0\0\0\211\255\255\255\255\255\255\255\255")}
return {cmsgpack.unpack("\207\255\255\255\255\255\255\255\255")}
return tostring(cmsgpack.unpack("\207\255\255\255\255\255\255\255\255"))
return cmsgpack._NAME..cmsgpack._VERSION..cmsgpack._DESCRIPTION

-- bit.
return {bit.band(255,15),bit.bor(1,2,4),bit.bxor(5,1),bit.bnot(0)}
return {bit.lshift(1,31),bit.rshift(-1,1),bit.arshift(-8,1),bit.lshift(1,32)}
return {bit.rol(1,1),bit.ror(1,1),bit.bswap(1)}
return {bit.tobit(2^32),bit.tobit(2^31),bit.tobit(-1),bit.tobit(1.5),bit.tobit(2.5)}
return {bit.tohex(255),bit.tohex(255,4),bit.tohex(255,-4),bit.tohex(-1)}
return bit.band()
return bit.band("x")
return bit.band("0xff",15)
return bit.tohex(1,100)
return bit.lshift(1)

-- struct.
return struct.pack("b",1)
return struct.pack(">I4",1)
return struct.pack("<I2",258)
return struct.pack(">i8",-1)
return struct.pack("bhilL",1,2,3,4,5)
return struct.pack("!8bd",1,2)
return struct.pack("s","abc")
return struct.pack("c5","hello world")
return struct.pack("c0","all")
return struct.pack("c10","short")
return struct.pack("f d",1.5,2.5)
return struct.pack(">fd",1.5,2.5)
return struct.pack("x")
return struct.pack("i33",1)
return struct.pack("z",1)
return struct.pack("!3b",1)
return struct.pack("b")
return struct.pack("b","x")
return struct.pack("i16",-2)
return {struct.unpack("b",struct.pack("b",-5))}
return {struct.unpack(">I4I2",struct.pack(">I4I2",1,2))}
return {struct.unpack("s","abc\0def\0")}
return {struct.unpack("bc0","\3abcdef")}
return {struct.unpack("c3","abcdef",2)}
return {struct.unpack("I4","ab")}
return {struct.unpack("I4","abcd",2)}
return {struct.unpack("s","abc")}
return {struct.unpack("c0","abc")}
return {struct.unpack("b","a",0)}
return {struct.unpack("d",struct.pack("d",1.5))}
return {struct.unpack("<i3",struct.pack("<i3",-70000))}
return {struct.unpack("i16",struct.pack("i16",-2))}
return struct.size("bhil")
return struct.size("!4bi")
return struct.size("s")
return struct.size("c0")
return struct.size("c5x")
return struct.size("z")

-- Coroutines.
local c=coroutine.create(function(a) local b=coroutine.yield(a+1) return b*2 end) local _,x=coroutine.resume(c,1) local _,y=coroutine.resume(c,10) return {x,y,coroutine.status(c)}
local c=coroutine.wrap(function() for i=1,3 do coroutine.yield(i) end end) return {c(),c(),c()}
local c=coroutine.create(function() error("in co") end) return {coroutine.resume(c)}
local c=coroutine.create(function() local x=nil; return x.y end) return {coroutine.resume(c)}
local c=coroutine.create(function() error({err="E t"}) end) local ok,e=coroutine.resume(c) return e
local c=coroutine.wrap(function() error("in wrap") end) c()
local c=coroutine.create(function() end) coroutine.resume(c) return {coroutine.resume(c)}
return coroutine.yield(1)
return {coroutine.resume(coroutine.create(function() return coroutine.status(coroutine.running()) end))}
return tostring(coroutine.running())
return coroutine.create(1)
return coroutine.create(print)
return coroutine.resume(1)
return coroutine.status(1)
local c c=coroutine.create(function() return coroutine.resume(c) end) return {coroutine.resume(c)}
local c=coroutine.create(function() pcall(coroutine.yield,1) return 2 end) return {coroutine.resume(c)}
local c=coroutine.create(function() for x in function() coroutine.yield(1) end do end end) return {coroutine.resume(c)}
local c=coroutine.wrap(function(...) local n=select("#",...) while true do n=select("#",coroutine.yield(n)) end end) return {c(),c(1,2),c(nil,nil,nil)}
local c=coroutine.create(function() return redis.call("echo","x") end) return {coroutine.resume(c)}
local c=coroutine.create(function() return redis.call("nosuch") end) local ok,e=coroutine.resume(c) return {tostring(ok),e.err}
local c=coroutine.wrap(function() return pcall(error,"x") end) return {c()}

-- Depth.
local function f() return 1+f() end return f()
local function f() return f() end return type(f)
local function f(n) if n==0 then return 0 end return f(n-1) end return f(100000)
local function f(n) if n==0 then return 0 end return 1+f(n-1) end return f(10000)
local n=0 local function f() n=n+1 local ok,e=pcall(f) return ok end f() return n
local n=0 local function f() n=n+1 return pcall(f) end return {select("#",f()),n}
local t=setmetatable({},{}) getmetatable(t).__index=t return t.x
local t=setmetatable({},{}) getmetatable(t).__newindex=t t.x=1
local f f=setmetatable({},{__index=function(t,k) return t[k+1] end}) return f[1]

-- The order of pairs.
return cjson.encode({a=1,b=2})
return cjson.encode({b=1,a=2})
return cjson.encode({a=1,b=2,c=3})
return cjson.encode({z=1,y=2,x=3,w=4,v=5})
return cjson.encode({name="x",age=3,email="e",tags={"a"},active=true,score=1.5})
local t={} t.a=1 t.b=2 t.c=3 return cjson.encode(t)
local t={} for i=1,20 do t["key"..i]=i end return cjson.encode(t)
local t={} for i=20,1,-1 do t["key"..i]=i end return cjson.encode(t)
local t={} for i=1,100 do t["k"..i]=i end return cjson.encode(t)
local t={} for i=1,100 do t["user:"..i*7]=i end local o={} for k in pairs(t) do o[#o+1]=k end return o
return cjson.encode({1,2,x=3})
return cjson.encode({1,2,x=3,y=4,5})
return cjson.encode({[10]=1,[20]=2,x=1})
return cjson.encode({[1]=1,[2]=2,x=1,y=1})
local t={1,2,3,x=1} t.y=2 t.z=3 local o={} for k,v in pairs(t) do o[#o+1]=tostring(k) end return o
local t={} t.x=1 t[1]=1 t[2]=2 t.y=2 t[3]=3 local o={} for k,v in pairs(t) do o[#o+1]=tostring(k) end return o
local t={} t[3]=1 t[2]=1 t[1]=1 local o={} for k,v in pairs(t) do o[#o+1]=tostring(k) end return o
local t={} t[1]=1 t[2]=2 t[4]=4 local o={} for k,v in pairs(t) do o[#o+1]=tostring(k) end return o
local t={} for i=1,10 do t[i*10]=i end local o={} for k,v in pairs(t) do o[#o+1]=tostring(k) end return o
local t={[1.5]=1,[2.5]=2,[-1]=3,[0]=4} local o={} for k,v in pairs(t) do o[#o+1]=tostring(k) end return o
local t={[true]=1,[false]=2,x=3} local o={} for k,v in pairs(t) do o[#o+1]=tostring(k) end return o
local t=cjson.decode('{"b":1,"a":2,"c":{"z":1,"y":2},"d":[1,2]}') return cjson.encode(t)
local t=cjson.decode('{"id":1,"user":"x","roles":["a","b"],"meta":{"created":1,"updated":2,"by":"me"}}') t.extra=1 return cjson.encode(t)
return cmsgpack.pack({a=1,b=2,c=3})
local t={a=1,b=2,c=3} t.b=nil return cjson.encode(t)
local t={a=1,b=2,c=3} t.b=nil t.d=4 return cjson.encode(t)
local t={a=1,b=2,c=3,d=4} for k in pairs(t) do t[k]=nil end return next(t)
local t={a=1,b=2,c=3,d=4} local o={} for k,v in pairs(t) do o[#o+1]=k t[k]=nil end return o
local t={a=1,b=2} return {next(t)}
local t={a=1,b=2} local k=next(t) return {next(t,k)}
local o={} table.foreach({x=1,y=2,z=3},function(k,v) o[#o+1]=k end) return o
local t={} for w in string.gmatch("the quick brown fox jumps over the lazy dog","%a+") do t[w]=(t[w] or 0)+1 end return cjson.encode(t)
redis.call("hset","k1","f1","a","f2","b","f3","c") local h=redis.call("hgetall","k1") local t={} for i=1,#h,2 do t[h[i]]=h[i+1] end return cjson.encode(t)
redis.setresp(3) redis.call("hset","k1","f1","a","f2","b","f3","c") return redis.call("hgetall","k1")
redis.setresp(3) redis.call("sadd","k1","a","b","c","d") return redis.call("smembers","k1")
return {map={a=1,b=2,c=3}}
return {set={a=true,b=true,c=true}}
local t={} for i=1,40 do t[i]=i end t.x=1 for i=1,40,2 do t[i]=nil end local n=0 for k in pairs(t) do n=n+1 end return n
local t={10,20,30,nil,50} local o={} for k,v in pairs(t) do o[#o+1]=k end return o
local t={} for i=1,5 do t[i]={id=i,name="n"..i} end return cjson.encode(t)
