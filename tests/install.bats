load helper
# make install and what it leaves; make without a package.

install_to() {
    make -s -C "$TOP" B="$B" DESTDIR="$1" prefix=/usr install
}

@test "install, a program built against it, uninstall" {
    [ -z "$CHECKER" ] || skip "the library under $CHECKER is not for installing"
    install_to "$T/root"
    cd "$T/root/usr"
    [ "$(ls bin)" = "$(cd "$TOP/tools" && for s in *.c; do echo "${s%.c}"; done)" ]
    [ "$(cd share/man && find . -type f | sort)" = "$(cd "$TOP/man" && find . -path './man?/*' | sort)" ]
    for tool in bin/*; do
        bash -n "share/bash-completion/completions/${tool#bin/}"
    done
    ls lib/libplumbline.a lib/libplumbline.so lib/libplumbline.so.0 lib/pkgconfig/plumbline.pc
    objdump -p lib/libplumbline.so | grep -q 'SONAME  *libplumbline.so.0$'
    [ -z "$(nm -D --defined-only lib/libplumbline.so | awk '$3 !~ /^pl_/')" ]
    field() { sed -n "s/^$1: //p" lib/pkgconfig/plumbline.pc | sed "s,/usr,$T/root/usr,g"; }
    [ "$(field Version)" = 0.1.0 ]
    cat >"$T/try.c" <<'END'
#include <stdio.h>
#include <plumbline.h>
int main(void)
{
    double value;
    return pl_parse_double("2.5", 3, &value) && puts(PL_VERSION) >= 0 ? 0 : 1;
}
END
    ${CC:-cc} -std=c11 -Wall -Wextra -Werror "$T/try.c" $(field Cflags) $(field Libs) -o "$T/try"
    [ "$(LD_LIBRARY_PATH=$T/root/usr/lib "$T/try")" = 0.1.0 ]
    sed 's,<plumbline.h>,<plumbline/plumbline.h>,' "$T/try.c" >"$T/static.c"
    ${CC:-cc} -std=c11 "$T/static.c" $(field Cflags) -Iinclude lib/libplumbline.a $(field Libs.private) -o "$T/static"
    [ "$("$T/static")" = 0.1.0 ]
    make -s -C "$TOP" B="$B" DESTDIR="$T/root" prefix=/usr uninstall
    [ -z "$(find "$T/root" -type f -o -type l)" ]
}

@test "a missing package is named with the line that installs it" {
    mkdir "$T/bin"
    printf '#!/bin/sh\ncase "$(cat)" in *yaml.h*) exit 1 ;; esac\n' >"$T/bin/cc"
    chmod +x "$T/bin/cc"
    run make -s -C "$TOP" B="$T/build" CC="$T/bin/cc"
    [ "$status" -ne 0 ]
    [ "${lines[0]}" = 'missing packages: libyaml-dev' ]
    [ "${lines[1]}" = 'on Debian or Ubuntu: apt-get install libyaml-dev' ]
    [[ ${lines[2]} == make*packages*Error* ]]
}

@test "the sources build without git and from another folder" {
    [ -z "$CHECKER" ] || skip "built once is enough"
    make -n -f "$TOP/Makefile" -C "$TOP" B="$T/build" all | grep -q 'lib/base/context.c'
    ! grep -n 'git ' "$TOP/Makefile" || return 1
}
