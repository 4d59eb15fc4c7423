/* Methods that have vectors: folder, function, and whether it works in pl_real (so that it is
 * checked in double and in float).  SPDX-License-Identifier: MIT */
METHOD("deltanet", check_deltanet, true)
METHOD("deltaproduct", check_deltaproduct, true)
METHOD("gla", check_gla, true)
METHOD("liger", check_liger, true)
METHOD("lolcats", check_lolcats, true)
METHOD("ltsf-linear", check_ltsf_linear, false)
METHOD("mom", check_mom, true)
METHOD("rws", check_rws, false)
METHOD("simvq", check_simvq, true)
METHOD("weight-matching", check_weight_matching, true)
METHOD("lmc-landscape", check_lmc_landscape, false)
