# Prints the sources that see HEADER, themselves or through other headers.
# usage: awk -v header=tensor/real.h -f tests/includers.awk lib/*/*.[ch]
# SPDX-License-Identifier: MIT
/^#include "/ {
    split($0, part, "\"")
    includes[FILENAME] = includes[FILENAME] " lib/" part[2]
}
END {
    sees["lib/" header]
    do {
        more = 0
        for (file in includes) {
            count = file in sees ? 0 : split(includes[file], headers, " ")
            for (i = 1; i <= count; i++)
                if (headers[i] in sees) {
                    sees[file]
                    more = 1
                    break
                }
        }
    } while (more)
    for (file in sees)
        if (file ~ /\.c$/)
            print file
}
