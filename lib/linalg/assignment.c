/* The linear assignment problem, by shortest augmenting paths.
 * SPDX-License-Identifier: MIT
 *
 * Costs c[i, j] are to be paid once a row and once a column.  Every column has a price v[j]; the
 * reduced cost of an entry is c[i, j] - v[j].  An assignment is optimal when each row sits at a
 * least reduced cost of its row: then the row's price u[i] is that least cost, u[i] + v[j] <=
 * c[i, j] everywhere, and no other assignment can cost less than sum u + sum v.
 *
 * Three cheap passes place most rows before any path is searched:
 *
 *   column reduction   v[j] = the least cost of column j; the row that has it takes j if it is
 *                      still free, and lowers v[j] afterwards to make its other choices as dear
 *                      (reduction transfer), which leaves j less attractive to others;
 *   row reduction      a free row takes its best column j1 and lowers v[j1] until the second best
 *                      costs it the same; the row that had j1 is free now and goes on.  Twice.
 *
 * Every row that is left starts Dijkstra's algorithm on reduced costs: from the row to columns,
 * from a taken column to the row that holds it, until a column is free; the path's rows then move
 * on by one column each, and the prices of the columns that were passed make up for it.
 *
 * The work is scanning rows of the matrix, so scans are plain loops over contiguous rows that the
 * compiler vectorises.  They leave the least value of each block of columns, in which the index is
 * looked up afterwards.  Costs are scores times +-1; the matrix is not copied. */
#include "linalg/assignment.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/simd.h"

enum {
    BLOCK = 64, /* columns that share a least value */
    LANES = 8,  /* least values that a block is scanned for at once */
    ROW_REDUCTIONS = 2,
    PATIENCE = 8 /* rows a row reduction may take up again, in multiples of n */
};

struct problem {
    const double *scores;
    double sign; /* costs are sign * scores */
    int64_t n, blocks;
    double *v;                   /* [n] prices of columns */
    int64_t *column_of, *row_of; /* [n] the assignment both ways; -1: free */
    int64_t *free_rows;          /* [n] */
    int64_t free_count;
    /* Scratch of one scan. */
    double *reduced;  /* [n] reduced costs of a row, or lengths of paths to columns */
    double *least;    /* [blocks] */
    double *open;     /* [n] v of columns that a path has not settled, else -infinity */
    int64_t *before;  /* [n] the row by which a path comes to a column */
    int64_t *settled; /* [n] columns in the order they were settled */
    double *length;   /* [n] of the path to each of these */
};

static const double *row_scores(const struct problem *problem, int64_t row)
{
    return problem->scores + row * problem->n;
}

static double cost(const struct problem *problem, int64_t row, int64_t column)
{
    return problem->sign * row_scores(problem, row)[column];
}

static inline double least_of(const double *values, int64_t count)
{
    double lanes[LANES], least = INFINITY;
    int64_t i = 0;
    for (int lane = 0; lane < LANES; lane++)
        lanes[lane] = INFINITY;
    for (; i + LANES <= count; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            lanes[lane] = values[i + lane] < lanes[lane] ? values[i + lane] : lanes[lane];
    for (; i < count; i++)
        least = values[i] < least ? values[i] : least;
    for (int lane = 0; lane < LANES; lane++)
        least = lanes[lane] < least ? lanes[lane] : least;
    return least;
}

/* reduced[j] = sign scores[j] - v[j], and its least value in each block. */
PL_CLONES static void scan_row(int64_t n, const double *scores, double sign, const double *v,
                               double *reduced, double *least)
{
    for (int64_t from = 0; from < n; from += BLOCK) {
        int64_t to = from + BLOCK < n ? from + BLOCK : n;
        for (int64_t j = from; j < to; j++)
            reduced[j] = sign * scores[j] - v[j];
        least[from / BLOCK] = least_of(reduced + from, to - from);
    }
}

/* Paths that go on through a row whose own price is -gain: shorter ones replace those known. */
PL_CLONES static void extend_paths(int64_t n, const double *scores, double sign, const double *open,
                                   double gain, int64_t row, double *length, int64_t *before,
                                   double *least)
{
    for (int64_t from = 0; from < n; from += BLOCK) {
        int64_t to = from + BLOCK < n ? from + BLOCK : n;
        for (int64_t j = from; j < to; j++) {
            double through = sign * scores[j] - open[j] + gain;
            before[j] = through < length[j] ? row : before[j];
            length[j] = through < length[j] ? through : length[j];
        }
        least[from / BLOCK] = least_of(length + from, to - from);
    }
}

/* v[j] = the least cost so far, holder[j] = the first row that has it.  Returns false when a score
 * is not finite. */
PL_CLONES static bool scan_columns(int64_t n, const double *scores, double sign, int64_t row,
                                   double *v, int64_t *holder)
{
    int64_t wrong = 0;
    for (int64_t j = 0; j < n; j++) {
        double c = sign * scores[j];
        wrong |= !(fabs(c) <= DBL_MAX);
        holder[j] = c < v[j] ? row : holder[j];
        v[j] = c < v[j] ? c : v[j];
    }
    return wrong == 0;
}

/* The first column whose value is the least of all; a free one if several share it. */
static int64_t find_least(const struct problem *problem, const double *values, double least)
{
    int64_t first = -1;
    for (int64_t block = 0; block < problem->blocks; block++) {
        if (problem->least[block] > least)
            continue;
        int64_t to = (block + 1) * BLOCK < problem->n ? (block + 1) * BLOCK : problem->n;
        for (int64_t j = block * BLOCK; j < to; j++) {
            if (values[j] > least)
                continue;
            if (problem->row_of[j] < 0)
                return j;
            if (first < 0)
                first = j;
        }
    }
    return first;
}

static enum pl_status not_finite(struct pl_context *context, const struct problem *problem,
                                 int64_t row)
{
    int64_t j = 0;
    while (isfinite(row_scores(problem, row)[j]))
        j++;
    return pl_fail(context, PL_NUMERIC, "score [%lld, %lld] of an assignment is not finite",
                   (long long)row, (long long)j);
}

static void take(struct problem *problem, int64_t row, int64_t column)
{
    problem->column_of[row] = column;
    problem->row_of[column] = row;
}

static enum pl_status reduce_columns(struct pl_context *context, struct problem *problem)
{
    int64_t n = problem->n, *holder = problem->before;
    for (int64_t j = 0; j < n; j++) {
        problem->v[j] = INFINITY;
        problem->column_of[j] = problem->row_of[j] = -1;
    }
    for (int64_t i = 0; i < n; i++)
        if (!scan_columns(n, row_scores(problem, i), problem->sign, i, problem->v, holder))
            return not_finite(context, problem, i);
    for (int64_t j = 0; j < n; j++)
        if (problem->column_of[holder[j]] < 0)
            take(problem, holder[j], j);
    return PL_OK;
}

/* The least reduced cost of a scanned row outside the column. */
static double least_beside(struct problem *problem, int64_t column)
{
    int64_t block = column / BLOCK, from = block * BLOCK, left = problem->n - from;
    problem->reduced[column] = INFINITY;
    problem->least[block] = least_of(problem->reduced + from, left < BLOCK ? left : BLOCK);
    return least_of(problem->least, problem->blocks);
}

/* Assigned rows lower the price of their column as far as they can keep it; the others are free.
 * A row that is least in several columns has none to lower for. */
static void transfer_reduction(struct problem *problem)
{
    int64_t n = problem->n, *columns = problem->settled;
    memset(columns, 0, (size_t)n * sizeof *columns);
    for (int64_t j = 0; j < n; j++)
        columns[problem->before[j]]++;
    for (int64_t i = 0; i < n; i++) {
        int64_t j = problem->column_of[i];
        if (j < 0)
            problem->free_rows[problem->free_count++] = i;
        if (j < 0 || columns[i] != 1)
            continue;
        scan_row(n, row_scores(problem, i), problem->sign, problem->v, problem->reduced,
                 problem->least);
        double least = least_beside(problem, j);
        if (least < INFINITY)
            problem->v[j] -= least;
    }
}

/* One free row takes its best column.  Returns the row that it puts out, -1 if none; *again says
 * that this one should go on at once, since a price fell. */
static int64_t reduce_row(struct problem *problem, int64_t row, bool *again)
{
    scan_row(problem->n, row_scores(problem, row), problem->sign, problem->v, problem->reduced,
             problem->least);
    double best = least_of(problem->least, problem->blocks);
    int64_t column = find_least(problem, problem->reduced, best);
    double second = least_beside(problem, column);
    double price = problem->v[column] - (second - best);
    /* Only a price that really falls leads on: rounding could make the circle endless. */
    *again = second < INFINITY && price < problem->v[column];
    if (*again)
        problem->v[column] = price;
    int64_t out = problem->row_of[column];
    if (out >= 0)
        problem->column_of[out] = -1;
    take(problem, row, column);
    return out;
}

static void reduce_rows(struct problem *problem)
{
    int64_t count = problem->free_count, *rows = problem->free_rows;
    int64_t left = PATIENCE * problem->n;
    problem->free_count = 0;
    for (int64_t next = 0; next < count;) {
        bool again;
        int64_t out = reduce_row(problem, rows[next++], &again);
        if (out >= 0 && again && left-- > 0)
            rows[--next] = out;
        else if (out >= 0)
            rows[problem->free_count++] = out;
    }
}

/* The rows on the path to the free column move on by one column each. */
static void follow_path(struct problem *problem, int64_t start, int64_t column)
{
    int64_t row;
    do {
        row = problem->before[column];
        int64_t left = problem->column_of[row];
        take(problem, row, column);
        column = left;
    } while (row != start);
}

static void find_path(struct problem *problem, int64_t start)
{
    int64_t n = problem->n, count = 0, column, row = start;
    double reached, gain = 0;
    memcpy(problem->open, problem->v, (size_t)n * sizeof *problem->open);
    for (int64_t j = 0; j < n; j++)
        problem->reduced[j] = INFINITY;
    for (;;) {
        extend_paths(n, row_scores(problem, row), problem->sign, problem->open, gain, row,
                     problem->reduced, problem->before, problem->least);
        reached = least_of(problem->least, problem->blocks);
        column = find_least(problem, problem->reduced, reached);
        if (problem->row_of[column] < 0)
            break;
        row = problem->row_of[column];
        gain = reached - (cost(problem, row, column) - problem->v[column]);
        problem->settled[count] = column;
        problem->length[count++] = reached;
        problem->reduced[column] = INFINITY;
        problem->open[column] = -INFINITY;
    }
    for (int64_t k = 0; k < count; k++)
        problem->v[problem->settled[k]] += problem->length[k] - reached;
    follow_path(problem, start, column);
}

static void solve(struct problem *problem)
{
    transfer_reduction(problem);
    for (int pass = 0; pass < ROW_REDUCTIONS; pass++)
        reduce_rows(problem);
    for (int64_t i = 0; i < problem->free_count; i++)
        find_path(problem, problem->free_rows[i]);
}

/* The result in the caller's terms. */
static void report(const struct problem *problem, int64_t *column, double *value, double *row_price,
                   double *column_price)
{
    double sum = 0;
    for (int64_t i = 0; i < problem->n; i++) {
        int64_t j = problem->column_of[i];
        column[i] = j;
        sum += row_scores(problem, i)[j];
        if (row_price)
            row_price[i] = problem->sign * (cost(problem, i, j) - problem->v[j]);
        if (column_price)
            column_price[i] = problem->sign * problem->v[i];
    }
    if (value)
        *value = sum;
}

enum pl_status pl_assign(struct pl_context *context, enum pl_assignment_goal goal,
                         const double *scores, int64_t n, int64_t *column, double *value,
                         double *row_price, double *column_price)
{
    struct problem problem = {
        .scores = scores,
        .sign = goal == PL_ASSIGN_LEAST ? 1 : -1,
        .n = n,
        .blocks = (n + BLOCK - 1) / BLOCK,
    };
    size_t room = (size_t)(n + BLOCK); /* of each array; they begin at multiples of a block */
    double *reals = pl_new(context, 5 * room, sizeof *reals);
    int64_t *integers = reals ? pl_new(context, 5 * room, sizeof *integers) : NULL;
    enum pl_status status = integers ? PL_OK : PL_SYSTEM;
    if (status == PL_OK) {
        problem.v = reals, problem.reduced = reals + room, problem.open = reals + 2 * room;
        problem.length = reals + 3 * room, problem.least = reals + 4 * room;
        problem.column_of = integers, problem.row_of = integers + room;
        problem.before = integers + 2 * room, problem.settled = integers + 3 * room;
        problem.free_rows = integers + 4 * room;
        status = reduce_columns(context, &problem);
    }
    if (status == PL_OK) {
        solve(&problem);
        report(&problem, column, value, row_price, column_price);
    }
    free(reals);
    free(integers);
    return status;
}
