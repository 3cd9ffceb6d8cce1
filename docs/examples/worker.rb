#!/usr/bin/env ruby
# A job that reports to jobbad: it counts the lines of files. docs/workers.md tells why it does what it does.
#
# usage: worker.rb URL ID FILE...    URL: of jobbad, such as http://localhost:8080; ID: of the status
require "json"
require "net/http"
require "securerandom"

TRIES = 12
TRY_SECONDS = 5
FIRST_PAUSE = 0.1 # seconds
LONGEST_PAUSE = 5
LATER = [502, 503, 504].freeze
NO_ANSWER = [SystemCallError, IOError, SocketError, Timeout::Error, Net::ProtocolError, JSON::ParserError].freeze

# One try; the status code and the JSON.
def try_once(request)
  uri = request.uri
  options = { use_ssl: uri.scheme == "https", open_timeout: TRY_SECONDS, read_timeout: TRY_SECONDS, max_retries: 0 }
  answer = Net::HTTP.start(uri.host, uri.port, **options) { |http| http.request(request) }
  [answer.code.to_i, JSON.parse(answer.body)]
end

# Sends a request until it is answered, always with the same key. Returns the status code and the JSON.
def send_until_answered(method, url, body = nil)
  headers = { "Idempotency-Key" => SecureRandom.uuid, "Content-Type" => "application/json" }
  request = Net::HTTP.const_get(method.capitalize).new(URI(url), headers)
  request.body = JSON.generate(body) if body
  TRIES.times do |n|
    sleep([FIRST_PAUSE * 2**(n - 1), LONGEST_PAUSE].min * rand(0.5..1.0)) if n.positive?
    code, json = try_once(request)
    return code, json unless LATER.include?(code)
  rescue *NO_ANSWER => e # not there, cut off, or silent
    warn "#{method} #{url}: #{e.message}"
  end
  abort "#{method} #{url}: no answer"
end

# The attempt of the job that this process works on.
class Job
  attr_reader :status

  def initialize(url, id)
    @url = "#{url}/statuses/#{id}"
    # A claim: of several workers that try, one succeeds.
    code, @status = send_until_answered("POST", "#{@url}/started?if_state=unqueued,queued,failed")
    if code == 409
      puts "not mine: #{id} is #{@status['current']['state']}"
      exit 2
    end
    check(code)
    puts "started #{id}, attempt #{@status['attempt']}"
  end

  # A change, if this is still the attempt at work: a late report must not get into the next one.
  def report(method, path, body = nil)
    code, @status = send_until_answered(method, "#{@url}#{path}?attempt=#{@status['attempt']}", body)
    check(code)
  end

  def check(code)
    return if code < 300
    warn "#{code}: #{@status['title']}"
    exit 4
  end
end

url, id, *files = ARGV
job = Job.new(url, id)
lines = unreadable = 0
files.each_with_index do |file, n|
  if job.status["kill_requested"] # each answer tells
    job.report("POST", "/killed")
    puts "killed after #{n} of #{files.size} files"
    exit 3
  end
  begin
    found = File.binread(file).count("\n")
    lines += found
    puts "#{file}: #{found} lines"
  rescue SystemCallError
    unreadable += 1
    puts "#{file}: can't be read"
    job.report("POST", "/errors", { file: file, message: "can't be read" })
  end
  job.report("PUT", "/progress", { at: n + 1, out_of: files.size })
end
if unreadable.positive?
  job.report("POST", "/failed")
  puts "failed: #{unreadable} of #{files.size} files can't be read"
  exit 1
end
job.report("POST", "/succeeded", { data: { lines: lines } })
puts "done: #{lines} lines"
