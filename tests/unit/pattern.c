/* Patterns that keep and drop, rules that rename.
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "stream/pattern.h"

static const char *renamed(const char *rule, const char *name)
{
    static char out[PL_NAME_MAX + 1];
    struct pl_context context = {0};
    struct pl_rename rename;
    bool matched;
    CHECK(pl_rename_parse(&context, &rename, rule) == PL_OK);
    CHECK(pl_rename_apply(&context, &rename, name, out, &matched) == PL_OK);
    pl_rename_release(&rename);
    return matched ? out : "(no match)";
}

static void stars_take_as_little_as_they_can(void)
{
    CHECK_TEXT(renamed("a.*=b.*", "a.x.y"), "b.x.y");
    CHECK_TEXT(renamed("*.*=*-*", "a.x.y"), "a-x.y");
    CHECK_TEXT(renamed("*.b*c=*|*", "x.b.b1cc"), "x|.b1c");
    CHECK_TEXT(renamed("*ab*=<*><*>", "aabab"), "<a><ab>");
    CHECK_TEXT(renamed("**=*+*", "xy"), "+xy");
    CHECK_TEXT(renamed("x*=y", "ab"), "(no match)");
}

static void classes_escapes_and_bytes(void)
{
    CHECK_TEXT(renamed("h[0-9]*?=g*", "h1abc"), "gab");
    CHECK_TEXT(renamed("h[!0-9]*=g*", "h1abc"), "(no match)");
    CHECK_TEXT(renamed("a\\*b=c", "a*b"), "c");
    CHECK_TEXT(renamed("a\\=b=c\\*d\\\\", "a=b"), "c*d\\");
    CHECK_TEXT(renamed("[*]x=y", "*x"), "y");
    CHECK_TEXT(renamed("?*=*", "\xc3\xa9t\xc3\xa9"), "t\xc3\xa9");
    CHECK_TEXT(renamed("w[=y", "w["), "y");
}

static void rules_that_are_none(void)
{
    struct pl_context context = {0};
    struct pl_rename rename;
    CHECK(pl_rename_parse(&context, &rename, "abc") == PL_USAGE);
    CHECK(pl_rename_parse(&context, &rename, "=x") == PL_USAGE);
    CHECK(pl_rename_parse(&context, &rename, "a*=**") == PL_USAGE);
    CHECK_TEXT(context.message, "'a*=**': the replacement has more '*' than the pattern");
    char name[PL_NAME_MAX + 1], out[PL_NAME_MAX + 1];
    bool matched;
    memset(name, 'n', PL_NAME_MAX);
    name[PL_NAME_MAX] = '\0';
    CHECK(pl_rename_parse(&context, &rename, "*=x*") == PL_OK);
    CHECK(pl_rename_apply(&context, &rename, name, out, &matched) == PL_BAD_DATA);
    pl_rename_release(&rename);
    CHECK(pl_rename_parse(&context, &rename, "*=*") == PL_OK);
    CHECK(pl_rename_apply(&context, &rename, name, out, &matched) == PL_OK && matched);
    CHECK_TEXT(out, name);
    pl_rename_release(&rename);
    CHECK(pl_rename_parse(&context, &rename, "a*=*") == PL_OK);
    CHECK(pl_rename_apply(&context, &rename, "a", out, &matched) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "the new name of 'a' is empty");
    pl_rename_release(&rename);
}

static void patterns_include_and_exclude(void)
{
    struct pl_context context = {0};
    struct pl_patterns patterns = {0};
    CHECK(pl_patterns_keep(&patterns, "x"));
    CHECK(pl_patterns_add(&context, &patterns, "!*.bias", false) == PL_OK);
    CHECK(pl_patterns_keep(&patterns, "x") && !pl_patterns_keep(&patterns, "x.bias"));
    CHECK(pl_patterns_add(&context, &patterns, "a.*", false) == PL_OK);
    CHECK(pl_patterns_add(&context, &patterns, "b", false) == PL_OK);
    CHECK(pl_patterns_keep(&patterns, "a.w") && !pl_patterns_keep(&patterns, "x"));
    CHECK(!pl_patterns_keep(&patterns, "a.bias"));
    CHECK_TEXT(pl_patterns_unused(&patterns), "b");
    CHECK(pl_patterns_keep(&patterns, "b") && !pl_patterns_unused(&patterns));
    pl_patterns_reset(&patterns);
    CHECK_TEXT(pl_patterns_unused(&patterns), "a.*");
    CHECK(pl_patterns_add(&context, &patterns, "", false) == PL_USAGE);
    pl_patterns_release(&patterns);
}

static void long_lists_are_cut(void)
{
    struct pl_context context = {0};
    struct pl_name_list list = {0};
    CHECK_TEXT(pl_name_list_text(&context, &list), "nothing");
    for (int i = 0; i < 14; i++)
        CHECK(pl_name_list_add(&context, &list, "n") == PL_OK);
    CHECK_TEXT(pl_name_list_text(&context, &list),
               "'n', 'n', 'n', 'n', 'n', 'n', 'n', 'n', 'n', 'n', 'n', 'n' and 2 more");
    pl_name_list_release(&list);
}

int main(void)
{
    RUN(stars_take_as_little_as_they_can);
    RUN(classes_escapes_and_bytes);
    RUN(rules_that_are_none);
    RUN(patterns_include_and_exclude);
    RUN(long_lists_are_cut);
    FINISH();
}
