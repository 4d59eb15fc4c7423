/* Methods that have vectors but are not built yet. SPDX-License-Identifier: MIT */
"al-rnn", "automunge", "bib", "com", "deft", "deltanet", "deltaproduct", "gla", "hypergraph",
    "lasp2", "liegroup", "liger", "linktransformer", "lit", "lmc-landscape", "lolcats", "longvq",
    "mlc", "mom", "ostquant", "physrig", "regression-transformer", "reqflow", "rws", "s-mamba",
    "s4-hippo", "sem", "simvq", "tleg", "weight-matching",
