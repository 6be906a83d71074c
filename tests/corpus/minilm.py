#!/usr/bin/env python3
"""Writes minilm.json: sentences, their tokens and their vectors, by the reference implementation.

    python3 -m venv /tmp/reference
    /tmp/reference/bin/pip install torch sentence-transformers
    cargo xtask model            # prints the directory of the model
    /tmp/reference/bin/python tests/corpus/minilm.py target/model/minilm > tests/corpus/minilm.json
"""

import json
import sys

from sentence_transformers import SentenceTransformer

SENTENCES = [
    "How do I enable two-factor authentication?",
    "How can I turn on 2FA?",
    "The cat sat on the mat.",
    "Enable the firewall.",
    "Disable the firewall.",
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The weather in Lisbon is nice today.",
    "Wie aktiviere ich die Zwei-Faktor-Authentisierung? Größe, Äpfel, Straße.",
    "Comment puis-je installer Git ? L'été dernier, à côté de l'œuvre.",
    "¿Cómo puedo instalar Git? ¡Mañana, papá!",
    "Jak zainstalować Gita? Zażółć gęślą jaźń.",
    "如何安装 Git？我不知道。",
    "東京タワーはどこですか。",
    "한국어 문장은 어떻게 됩니까?",
    "Как установить Git? Ёжик в тумане.",
    "كيف أقوم بتثبيت جيت؟",
    "हिन्दी में कैसे लिखें?",
    "İstanbul'da ΣΊΣΥΦΟΣ ﬁnds ǅungla ß ẞ ﷺ ½ ² Å é",
    "",
    "?!... --- (),;:",
    " \t\n\r ",
    "Great work 🎉👩‍👩‍👧 👍🏽 — see “this” … and ‘that’",
    "Ask <PERSON_1> and <EMAIL_2> about [MASK], [SEP] and [CLS].",
    "fn main() { println!(\"{}\", a::<u8>() + x[0] & 0xff); } // C++ != C#",
    "nul\u0000 soft\u00adhyphen zero\u200bwidth \ufffd private\ue000 bell\u0007 next\u0085line nb\u00a0space",
    "a" * 99 + " " + "b" * 100 + " " + "c" * 101 + " end",
    "long " + "The quick brown fox jumps over the lazy dog. " * 40,
    "unbelievablyextraordinarilyincomprehensibilities " * 30,
]

model = SentenceTransformer(sys.argv[1], device="cpu")
vectors = model.encode(SENTENCES, batch_size=1, normalize_embeddings=True)
ids = [model.tokenizer(text, truncation=True, max_length=256)["input_ids"] for text in SENTENCES]
rows = [
    json.dumps(
        {"text": text, "ids": row, "vector": [round(float(n), 5) for n in vector]},
        separators=(",", ":"),
    )
    for text, row, vector in zip(SENTENCES, ids, vectors)
]
print("[\n" + ",\n".join(rows) + "\n]")
