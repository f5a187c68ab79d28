/* Rows in an array, and two tables of chains over it: by id, and funding by its second. */
#include <stdlib.h>
#include <string.h>

#include "db/pnl_check_parts.h"

#define SECOND_MS     1000
#define NEAR_MAX      64 /* rows of one symbol in one second that are looked through */
#define CAPACITY_FROM 64

/* In units of 10^-PNL_SCALE: what the log cuts is less than this. */
static const pnl_int CUT = INT64_C(10000000000);
/* Some 10^18 coins: those of all rows of an execution can be added. */
static const pnl_int ROW_LIMIT = (pnl_int)1 << 120;

struct pnl_check *pnl_check_create(const struct pnl_check_span *span)
{
    struct pnl_check *check = calloc(1, sizeof(*check));

    if (check)
        check->span = *span;
    return check;
}

void pnl_check_destroy(struct pnl_check *check)
{
    if (!check)
        return;
    free(check->rows);
    free(check);
}

struct pnl_check_counts pnl_check_counts(const struct pnl_check *check)
{
    return check->counts;
}

const struct pnl_check_span *pnl_check_span(const struct pnl_check *check)
{
    return &check->span;
}

/* --- the tables --- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return hash * UINT64_C(1099511628211);
}

static uint32_t *head_of(uint32_t *heads, enum category category, const char *symbol, uint64_t hash)
{
    hash = hash_text(hash ^ (uint64_t)category, symbol);
    return &heads[(hash ^ (hash >> 29)) & (PNL_CHECK_HEADS - 1)];
}

static uint32_t *head_by_id(struct pnl_check *check, enum category category, const char *symbol,
                            const char *exec_id)
{
    return head_of(check->by_id, category, symbol,
                   hash_text(UINT64_C(14695981039346656037), exec_id));
}

static uint32_t *head_by_time(struct pnl_check *check, enum category category, const char *symbol,
                              int64_t second)
{
    return head_of(check->by_time, category, symbol,
                   UINT64_C(14695981039346656037) * (uint64_t)(second + 1));
}

static bool is_of(const struct pnl_check_row *row, enum category category, const char *symbol)
{
    return row->category == category && strcmp(row->symbol, symbol) == 0;
}

/* --- rows --- */

pnl_int pnl_check_size_of(pnl_int value)
{
    return value < 0 ? -value : value;
}

bool pnl_check_is_near(pnl_int a, pnl_int b)
{
    return pnl_check_size_of(a - b) < CUT;
}

/* False: it does not fit. What is absent is 0. */
static bool read_number(const struct decimal *value, pnl_int *out, bool *has)
{
    *out = 0;
    *has = !decimal_is_none(value);
    return !*has || (pnl_int_of(out, value) && pnl_check_size_of(*out) <= ROW_LIMIT);
}

static enum err make_row(struct pnl_check_row *row, const struct ledger_entry *entry,
                         struct error *error)
{
    bool has = false;

    memset(row, 0, sizeof(*row));
    row->kind = entry->kind;
    row->category = entry->category;
    memcpy(row->symbol, entry->symbol, sizeof(row->symbol));
    memcpy(row->coin, entry->coin, sizeof(row->coin));
    memcpy(row->exec_id, entry->exec_id, sizeof(row->exec_id));
    memcpy(row->order_id, entry->order_id, sizeof(row->order_id));
    row->at_ms = entry->at_ms;
    if (read_number(&entry->qty, &row->qty, &row->has_qty) &&
        read_number(&entry->price, &row->price, &row->has_price) &&
        read_number(&entry->fee, &row->fee, &has) &&
        read_number(&entry->funding, &row->funding, &has) &&
        read_number(&entry->flow, &row->flow, &row->has_flow) &&
        read_number(&entry->size, &row->size, &row->has_size))
        return ERR_NONE;
    return error_set(error, ERR_INVALID, "transaction log: a number of %s is too large",
                     entry->symbol);
}

static bool is_same(const struct pnl_check_row *a, const struct pnl_check_row *b)
{
    return a->kind == b->kind && a->at_ms == b->at_ms && strcmp(a->coin, b->coin) == 0 &&
           strcmp(a->order_id, b->order_id) == 0 && a->qty == b->qty && a->price == b->price &&
           a->fee == b->fee && a->funding == b->funding && a->flow == b->flow && a->size == b->size;
}

/* True: it came already. `*legs`: how many rows with its id there are. */
static bool is_known(struct pnl_check *check, const struct pnl_check_row *row, size_t *legs)
{
    uint32_t at = *head_by_id(check, row->category, row->symbol, row->exec_id);

    for (*legs = 0; at; at = check->rows[at - 1].next_by_id) {
        const struct pnl_check_row *other = &check->rows[at - 1];

        if (!is_of(other, row->category, row->symbol) || strcmp(other->exec_id, row->exec_id) != 0)
            continue;
        if (is_same(other, row))
            return true;
        ++*legs;
    }
    return false;
}

static enum err grow(struct pnl_check *check)
{
    size_t wanted = check->rows_capacity ? check->rows_capacity * 2 : CAPACITY_FROM;
    struct pnl_check_row *grown;

    if (check->rows_count >= PNL_CHECK_ROWS_MAX)
        return ERR_BUSY;
    if (check->rows_count < check->rows_capacity)
        return ERR_NONE;
    grown = realloc(check->rows, wanted * sizeof(*grown));
    if (!grown)
        return ERR_NO_MEMORY;
    check->rows = grown;
    check->rows_capacity = wanted;
    return ERR_NONE;
}

static void link_row(struct pnl_check *check, struct pnl_check_row *row)
{
    uint32_t *head;

    if (row->exec_id[0]) {
        head = head_by_id(check, row->category, row->symbol, row->exec_id);
        row->next_by_id = *head;
        *head = (uint32_t)check->rows_count;
    }
    if (row->kind == LEDGER_FUNDING) {
        head = head_by_time(check, row->category, row->symbol, row->at_ms / SECOND_MS);
        row->next_by_time = *head;
        *head = (uint32_t)check->rows_count;
    }
}

bool pnl_check_in_span(const struct pnl_check *check, int64_t at_ms)
{
    return at_ms >= check->span.from_ms && at_ms < check->span.to_ms;
}

static bool is_wanted(const struct pnl_check *check, const struct ledger_entry *entry)
{
    const struct pnl_check_span *span = &check->span;

    return (!span->has_category || (entry->has_category && entry->category == span->category)) &&
           (!span->symbol || strcmp(entry->symbol, span->symbol) == 0);
}

static bool may_be_execution(const struct ledger_entry *entry)
{
    return entry->kind != LEDGER_OTHER ||
           (entry->has_category && entry->symbol[0] && entry->exec_id[0]);
}

/* `*again`: it came already. */
static enum err keep_row(struct pnl_check *check, const struct ledger_entry *entry, bool *again,
                         struct error *error)
{
    struct pnl_check_row row;
    size_t legs = 0;
    enum err err = make_row(&row, entry, error);

    if (err)
        return err;
    *again = row.exec_id[0] && is_known(check, &row, &legs);
    if (*again)
        return ERR_NONE;
    if (legs >= PNL_CHECK_LEGS_MAX)
        return error_set(error, ERR_INVALID, "transaction log: one execution has more than %d rows",
                         PNL_CHECK_LEGS_MAX);
    err = grow(check);
    if (err)
        return err;
    check->rows[check->rows_count++] = row;
    link_row(check, &check->rows[check->rows_count - 1]);
    return ERR_NONE;
}

enum err pnl_check_add(struct pnl_check *check, const struct ledger_entry *entry,
                       struct error *error)
{
    bool again = false;
    enum err err;

    if (!is_wanted(check, entry))
        return ERR_NONE;
    if (check->counts.entries >= PNL_CHECK_ROWS_MAX)
        return ERR_BUSY;
    if (may_be_execution(entry)) {
        err = keep_row(check, entry, &again, error);
        if (err == ERR_INVALID && entry->kind == LEDGER_OTHER)
            err = ERR_NONE; /* of no interest */
        if (err || again)
            return err;
    }
    if (pnl_check_in_span(check, entry->at_ms)) {
        check->counts.entries++;
        check->counts.other += entry->kind == LEDGER_OTHER;
    }
    return ERR_NONE;
}

/* --- which rows are an execution's --- */

static bool may_be_of(const struct pnl_check_row *row, const char *order_id, bool is_funding)
{
    return is_funding || row->kind == LEDGER_FUNDING || !order_id[0] || !row->order_id[0] ||
           strcmp(row->order_id, order_id) == 0;
}

void pnl_check_by_id(struct pnl_check *check, enum category category, const char *symbol,
                     const char *exec_id, const char *order_id, bool is_funding,
                     struct pnl_legs *out)
{
    uint32_t at = exec_id[0] ? *head_by_id(check, category, symbol, exec_id) : 0;

    for (; at && out->count < PNL_CHECK_LEGS_MAX; at = check->rows[at - 1].next_by_id) {
        struct pnl_check_row *row = &check->rows[at - 1];

        if (!row->used && is_of(row, category, symbol) && strcmp(row->exec_id, exec_id) == 0 &&
            may_be_of(row, order_id, is_funding))
            out->at[out->count++] = row;
    }
}

bool pnl_check_is_coin(const struct pnl_check_row *row, const struct pnl_fill *fill)
{
    return !fill->fee_coin[0] || strcmp(row->coin, fill->fee_coin) == 0;
}

struct pnl_check_row *pnl_check_by_time(struct pnl_check *check, const struct pnl_fill *fill,
                                        pnl_int received)
{
    for (int64_t second = fill->at_ms / SECOND_MS - 1; second <= fill->at_ms / SECOND_MS + 1;
         second++) {
        uint32_t at = *head_by_time(check, fill->category, fill->symbol, second);

        for (int i = 0; at && i < NEAR_MAX; at = check->rows[at - 1].next_by_time, i++) {
            struct pnl_check_row *row = &check->rows[at - 1];
            int64_t apart_ms = row->at_ms - fill->at_ms;

            if (!row->used && is_of(row, fill->category, fill->symbol) && apart_ms <= SECOND_MS &&
                apart_ms >= -SECOND_MS && pnl_check_is_coin(row, fill) &&
                pnl_check_is_near(row->funding, received))
                return row;
        }
    }
    return NULL;
}
