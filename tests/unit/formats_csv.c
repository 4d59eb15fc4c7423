/* Cutting delimited text: cells, records, blocks, ends; and the codes of words.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "formats/csv.h"

static const struct pl_csv_dialect comma = {
    .delimiter = ',', .point = '.', .comment = "#", .comment_size = 1};

/* The cells of one record joined by '|', quoted ones in brackets. */
static const char *cells(const struct pl_csv_dialect *dialect, const char *text)
{
    static char out[256];
    const char *at = text, *end = text + strlen(text);
    struct pl_csv_cell cell;
    out[0] = '\0';
    do {
        if (!pl_csv_cell(dialect, &at, end, &cell))
            return "fault";
        snprintf(out + strlen(out), sizeof out - strlen(out), cell.quoted ? "|[%.*s]" : "|%.*s",
                 (int)cell.size, cell.text);
    } while (pl_csv_more(dialect, &at, end));
    return out;
}

static void splitting(void)
{
    struct pl_csv_dialect blanks = comma, tabs = comma;
    blanks.delimiter = ' ';
    tabs.delimiter = '\t';
    CHECK_TEXT(cells(&comma, "1, 2 ,x y\n9"), "|1|2|x y");
    CHECK_TEXT(cells(&comma, ",,"), "|||");
    CHECK_TEXT(cells(&comma, "1,2\r\n"), "|1|2");
    CHECK_TEXT(cells(&comma, "1,2\r"), "|1|2");
    CHECK_TEXT(cells(&comma, "1\r2,3"), "|1\r2|3");
    CHECK_TEXT(cells(&comma, "\"a,b\",\"\" , \"c\"\"d\"\r\n"), "|[a,b]|[]|[c\"\"d]");
    CHECK_TEXT(cells(&comma, "a\"b\",\"c\nd\""), "|a\"b\"|[c\nd]");
    CHECK_TEXT(cells(&comma, "\"a"), "fault");
    CHECK_TEXT(cells(&comma, "\"a\"b,c"), "fault");
    CHECK_TEXT(cells(&blanks, " 1  2\t3 \n"), "|1|2|3");
    CHECK_TEXT(cells(&tabs, "1\t\t 2 \n"), "|1||2");
}

/* Where the record after the one at 0 begins, or -1. */
static int cut(const char *text, int target)
{
    const char *found = pl_csv_cut(&comma, text, text + target, text + strlen(text));
    return found ? (int)(found - text) : -1;
}

static void cutting(void)
{
    CHECK(cut("ab\ncd\nef\n", 1) == 3);
    CHECK(cut("ab\ncd\nef\n", 3) == 3);
    CHECK(cut("ab\ncd\nef\n", 4) == 6);
    CHECK(cut("ab\ncd\nef", 7) == -1);
    CHECK(cut("\"a\nb\",c\nd\n", 1) == 8);     /* a line end in quotes */
    CHECK(cut("\"a\n\"\"\nb\"\nd\n", 1) == 9); /* and doubled quotes */
    CHECK(cut("5\" x\n6\" y\n", 1) == 5);      /* a quote that opens nothing */
    CHECK(cut("# \"a\nb\nc\n", 1) == 5 || cut("# \"a\nb\nc\n", 1) == 7); /* nor in a comment */
    CHECK(cut("\"a\nb", 1) == -1);
}

/* Every cut of a text with all kinds of quotes is at the start of a record. */
static void cuts_agree_with_records(void)
{
    const char *text =
        "a,\"b\n\"\"c\n\",d\n#\"x\n1,2\" 3\",4\n \"q\n,\" ,\"\"\n\nz,\"\n\",\"y\"\n,,\n";
    const char *end = text + strlen(text), *starts[16], *at = text;
    int count = 0;
    while (at < end && count < 16) {
        struct pl_csv_cell cell;
        starts[count++] = at = pl_csv_record(&comma, at, end, false);
        if (at == end)
            break;
        do
            CHECK(pl_csv_cell(&comma, &at, end, &cell));
        while (pl_csv_more(&comma, &at, end));
        at = pl_csv_next_line(at, end);
    }
    CHECK(count == 5);
    for (const char *target = text + 1; target < end; target++) {
        const char *found = pl_csv_cut(&comma, text, target, end);
        if (!found)
            continue;
        CHECK(found >= target);
        found = pl_csv_record(&comma, found, end, false);
        bool known = found == end;
        for (int i = 0; i < count; i++)
            known = known || found == starts[i];
        CHECK(known);
    }
}

static void ends(void)
{
    int64_t dropped;
    const char *text = "a,b\n1,\n,\n\n,,\r\n";
    CHECK(pl_csv_trim(&comma, text, text + strlen(text), &dropped) == text + 7);
    CHECK(dropped == 2);
    text = "\n,\n";
    CHECK(pl_csv_trim(&comma, text, text + 3, &dropped) == text);
    text = "a\nb\n\"c";
    CHECK(pl_csv_complete(&comma, text, text + 6) == text + 4);
    text = "a\nb";
    CHECK(pl_csv_complete(&comma, text, text + 3) == text + 2);
    CHECK(pl_csv_complete(&comma, text, text + 1) == text);
}

static bool missing(const struct pl_csv_dialect *dialect, const char *text)
{
    struct pl_csv_cell cell = {.text = text, .size = strlen(text)};
    return pl_csv_is_missing(dialect, &cell);
}

static void missing_words(void)
{
    struct pl_csv_word words[] = {{"?", 1, false, 0}, {"-200", 4, true, -200}};
    struct pl_csv_dialect more = comma;
    CHECK(missing(&comma, ""));
    CHECK(missing(&comma, "NA"));
    CHECK(missing(&comma, "nan"));
    CHECK(missing(&comma, "#N/A"));
    CHECK(missing(&comma, "Null"));
    CHECK(!missing(&comma, "N"));
    CHECK(!missing(&comma, "nan1"));
    CHECK(!missing(&comma, "?"));
    more.missing = words;
    more.missing_count = 2;
    CHECK(missing(&more, "?"));
    CHECK(missing(&more, "-200.0"));
    CHECK(!missing(&more, "-2000"));
}

static void cleaned_text(void)
{
    struct pl_context context = {0};
    struct pl_buffer out = {0};
    int64_t replaced = 0;
    const char text[] = "a\"\"b\xff\xc3\xa9\xc3\0z";
    struct pl_csv_cell cell = {.text = text, .size = sizeof text - 1, .doubled = true};
    CHECK(pl_csv_text(&context, &cell, &out, &replaced) == PL_OK);
    CHECK_TEXT(out.data, "a\"b\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbdz");
    CHECK(replaced == 3);
    pl_buffer_release(&out);
}

static void levels(void)
{
    struct pl_context context = {0};
    struct pl_levels words = {0};
    int32_t code;
    size_t size;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5000; i++) {
            char word[16];
            int length = snprintf(word, sizeof word, "w%d", i);
            CHECK(pl_levels_code(&context, &words, word, (size_t)length, &code) == PL_OK);
            CHECK(code == i);
        }
    CHECK(words.count == 5000);
    CHECK_TEXT(pl_levels_word(&words, 77), "w77");
    CHECK(memcmp(pl_levels_tail(&words, 4998, &size), "\0w4998\0w4999", 12) == 0);
    CHECK(size == 12);
    CHECK(memcmp(pl_levels_tail(&words, 0, &size), "w0\0w1\0", 6) == 0);
    pl_levels_tail(&words, 5000, &size);
    CHECK(size == 0);
    pl_levels_release(&words);
}

int main(void)
{
    RUN(splitting);
    RUN(cutting);
    RUN(cuts_agree_with_records);
    RUN(ends);
    RUN(missing_words);
    RUN(cleaned_text);
    RUN(levels);
    FINISH();
}
