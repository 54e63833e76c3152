"""Writes a tiny Llama with random weights: it talks nonsense, token by token, on any machine.

    python3 tiny_gguf.py FILE        needs the packages gguf and numpy

One token stands for every byte, so that any prompt can be read; the rows of the words are made large and those of the
bytes zero in the last layer, so that what comes out is words.
"""

import sys

import gguf
import numpy

WIDTH, HIDDEN, LAYERS, HEADS, CONTEXT = 64, 128, 2, 4, 16384
SYLLABLES = "ba be bi bo bu da de di do du ka ke ki ko ku la le li lo lu ma me mi mo mu na ne ni no nu".split()
TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"


def vocabulary():
    """Tokens, scores and types: three specials, 256 bytes, words with their leading space."""
    words = [f"▁{first}{second}" for first in SYLLABLES for second in SYLLABLES]
    kinds = gguf.TokenType
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + words
    types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL] + [kinds.BYTE] * 256 + [kinds.NORMAL] * len(words)
    return tokens, [-float(place) for place in range(len(tokens))], types, len(words)


def tensors(random, size, words):
    """Names and values; matrices are (rows out, columns in)."""
    def matrix(rows, columns):
        return (random.standard_normal((rows, columns)) / numpy.sqrt(columns)).astype(numpy.float32)

    output = random.standard_normal((size, WIDTH)).astype(numpy.float32)
    output[: size - words] = 0
    yield "token_embd.weight", matrix(size, WIDTH)
    yield "output_norm.weight", numpy.ones(WIDTH, numpy.float32)
    yield "output.weight", output
    for layer in range(LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"blk.{layer}.{name}.weight", matrix(WIDTH, WIDTH)
        for name in ("attn_norm", "ffn_norm"):
            yield f"blk.{layer}.{name}.weight", numpy.ones(WIDTH, numpy.float32)
        yield f"blk.{layer}.ffn_gate.weight", matrix(HIDDEN, WIDTH)
        yield f"blk.{layer}.ffn_up.weight", matrix(HIDDEN, WIDTH)
        yield f"blk.{layer}.ffn_down.weight", matrix(WIDTH, HIDDEN)


def write(path):
    tokens, scores, types, words = vocabulary()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny-random")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)
    for name, values in tensors(numpy.random.default_rng(1), len(tokens), words):
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(sys.argv[1])
