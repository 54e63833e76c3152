/// The texts that mutation begins with: small, and between them every construct the parsers know.
enum Corpus {
    static let json = texts([
        "{}", "[]", "null", "true", "false", "0", "-0", "-12.5e+10", "1e400", #""""#, #""a""#, "[1,2,[3]]", " [ ] ",
        #"{"a":1,"b":[true,false,null],"c":{"d":"e"}}"#, #""\ud834\udd1e\u00e9\n\\\/\"\b\f\r\t""#, #""\ud800""#,
        #""é€𝄞 plain text that is longer than one word of eight bytes""#, #"{"a":{"a":{"a":{}}},"a":[[[]]]}"#,
        #"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi"}],"stream":true,"max_tokens":5,"n":2}"#,
        #"{"model":"m","stream_options":{"include_usage":false},"max_completion_tokens":null,"best_of":3}"#,
        #"{"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"#
            + #""prompt_tokens_details":{"cached_tokens":1},"completion_tokens_details":{"reasoning_tokens":9}}}"#,
        #"{"usage":{"input_tokens":3,"output_tokens":4,"input_tokens_details":{"cached_tokens":5}}}"#,
        #"{"error":{"message":"m","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}}"#,
        #"{"error":{"message":"Incorrect key","type":"t","code":"invalid_api_key"}}"#, #"{"\u006dodel":"x","model":7}"#,
        "[1,]", "{\"a\"}", "01", "[1 2]", "{\"a\":1,}", "nul", "\"\\x\"", "[}", "1.", "-", "\"", "{\"a\":\"",
    ])

    static let payloads = texts([
        #"{"op":"hello","proto":1,"client":"fuzz/1","features":["stream","x"]}"#, #"{"op":"ping","id":"p"}"#,
        #"{"op":"ping"}"#, #"{"op":"cancel","id":"1"}"#, #"{"op":"grant","id":"1","bytes":65536}"#,
        #"{"op":"call","id":"1","path":"/v1/chat/completions","tenant":"acme","feature":"f","lane":"batch","#
            + #""deadline_ms":4000,"progress":false,"body":{"model":"m","messages":[],"stream":true}}"#,
        #"{"op":"call","id":"\u0031é","path":"/v1/models","method":"GET","later":[{"a":1e400}]}"#,
        #"{"op":"call","id":"2","path":"/v1/responses","method":"POST","body":{"model":"m","stream_options":{"x":1},"#
            + #""max_output_tokens":9223372036854775807,"n":7}}"#,
        #"{"op":"call","id":"3","path":"/v1/../x","body":{}}"#, #"{"op":"call","id":"","path":"/v1/x"}"#,
        #"{"op":"job.submit","id":"4"}"#, #"{"op":"ping","op":"ping"}"#, "{}", "[]", "",
    ])

    static let streams = texts([
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n"
            + "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
        "event: response.completed\r\ndata: {\"type\":\"response.completed\",\"response\":{\"model\":\"m\","
            + "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}\r\n\r\n",
        "\u{FEFF}: hello\rdata: a\rdata: b\r\rdata\r\r", "data:\n\ndata: {\"error\":{\"message\":\"m\"}}\n\n",
        "\r\n\r\n",
        "id: 1\nevent: x\nretry: 10\ndata:  é€𝄞\n\ndata: cut", "data: [1,2]\n\ndata: 7\n\ndata: \"x\"\n\n", "",
        "data: {\"type\":\"error\",\"code\":\"x\"}\n\n:\n:\n:\n\n\n\ndata: {\"type\":\"response.failed\"}\n\n",
    ])

    static let configurations = texts([
        "", "{}", "agent:\n  runtime_dir: /run/sluice\n  drain_timeout: 30s\n  log: {level: info, format: json}\n",
        "agent:\n  sockets:\n    agent: {mode: \"0660\", group: sluice}\n  stats_listen: 127.0.0.1:9464\n",
        "limits:\n  frame_size: 4MiB\n  connections: 4096\n  default_deadline: {interactive: 30s, batch: 10m}\n",
        "upstreams:\n  - name: openai\n    base_url: https://api.openai.com\n    keys:\n      - {name: a, env: KEY}\n"
            + "    timeouts: {connect: 5s, total: 10m}\n    headers: {X-A: b}\n",
        "pools:\n  - name: mini\n    models: [gpt-4o-mini*]\n    upstream: openai\n    tokens_per_minute: 200000\n",
        "endpoints:\n  allow: [\"POST /v1/chat/completions\", \"GET /v1/models/*\"]\nretries: {attempts: 3, cap: 5s}\n",
        "a: &x [1, 2]\nb: *x\n<<: *x\n", "- a\n- b: |\n    text\n  c: >-\n    folded\n", "agent: [}\n",
        "\"a\": \"\\u00e9\"\n",
        "agent: !!binary aGk=\n--- \n...\n", "limits:\n\tframe_size: 1\n",
        "limits: {frame_size: 4MiB, frame_size: 1}\n",
    ])

    static let jsonTokens = texts([
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud83d", "\\ude00", "\\u0000", "\\u0061", "true", "false",
        "null", "nul", "0", "-", "1.5", "1e5", "1E+400", "-1", "01", "9223372036854775807", "9223372036854775808",
        "99999999999999999999999999", "1000000001", " ", "\n", "\r", "\t", "\0", "\u{7F}", "\"a\":", ",\"a\":1", "{}",
        "[]",
        "\"op\":\"call\",", "\"id\":\"1\",", "\"body\":{},", "\"model\":\"m\",", "\"usage\":{\"prompt_tokens\":5},",
        "\"stream_options\":null,", "\"include_usage\":true,", "\"n\":3,", "\"error\":{},", "\"choices\":[],",
        "aaaaaaaa",
    ])

    static let streamTokens =
        texts([
            "\n", "\r", "\r\n", "\n\n", "data", "data:", "data: ", "data: x\n\n", ":", ": c\n", "[DONE]", "event: ",
            "\u{FEFF}", " ", "\0", "data: 0123456789012345678901234567890123456789\n",
        ]) + jsonTokens

    static let configurationTokens =
        texts([
            "  ", "\n", "\n  ", "- ", ": ", "#", "&a ", "*a", "!!str ", "|", ">", "'", "%", "@", "`", "---\n", "...\n",
            "? ",
            "<<: ", "0660", "1e9", "30s", "-5m", "4MiB", "99999999999h", "~", "yes", "0x10", "1_000", ".inf", ".nan",
            "\u{85}",
            "\u{2028}", "\u{FEFF}",
        ]) + jsonTokens

    private static func texts(_ list: [String]) -> [[UInt8]] { list.map { Array($0.utf8) } }
}
