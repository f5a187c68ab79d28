/* Profit and loss read from a journal: in pieces, by an index. PNL_FILLS=1000000 for a large one.
 */
#include <stdlib.h>

#include "db/history.h"
#include "db/pnl_check.h"
#include "db/reader.h"
#include "tests/test_pnl_kit.h"

static struct bridge bridge;
static struct history_reader *reader;

static int fills_wanted(void)
{
    const char *text = getenv("PNL_FILLS");

    return text ? (int)strtol(text, NULL, 10) : 50000;
}

/* Pairs that buy at 100 and sell at 101, in 50 symbols, a second apart; the orders of the second
 * half of the symbols are there, with position_idx 1. */
static void setup(void)
{
    char sql[4000];

    kit_folder(&bridge);
    kit_start(&bridge);
    kit_stop(&bridge);
    (void)snprintf(
        sql, sizeof(sql),
        "PRAGMA synchronous=OFF; BEGIN;"
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<%d) "
        "INSERT INTO fills SELECT NULL,'e'||i,'o'||(i/4),'','linear',"
        "'C'||(i/2%%50)||'USDT',iif(i%%2,'sell','buy'),'0.010',iif(i%%2,'101.50','100.50'),"
        "'1.00','0.0005','USDT',0,'trade',iif(i%%2,'0.010','0'),1700000000000+i/"
        "2*1000,i,'t','','',i+1 "
        "FROM n;"
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<%d) "
        "INSERT INTO orders "
        "(link,order_id,client_id,category,symbol,side,type,tif,state,status,fees,"
        "reject_reason,cancel_reason,ret_code,ret_msg,qty_in_quote,trigger_direction,reduce_only,"
        "close_on_trigger,position_idx,tag,client,client_key,body_hash,external,final,attempt,"
        "cancel_wanted,settled,created_ms,updated_ms,exchange_ms,deadline_ms,signed_ms,seq) "
        "SELECT "
        "'l'||i,'o'||i,'l'||i,'linear','S','buy','limit','gtc','closed','Filled','','','',0,'',"
        "0,0,0,0,0,'','',0,x'',0,1,1,0,1,i,i,i,i,i,i FROM n;"
        "COMMIT;",
        fills_wanted() - 1, fills_wanted() / 4 - 1);
    kit_change(&bridge, sql);
    reader = reader_create(bridge.path);
    ck_assert_ptr_nonnull(reader);
}

static void teardown(void)
{
    reader_destroy(reader);
    kit_remove_folder(&bridge);
}

static int64_t cpu_ms(void)
{
    return (int64_t)clock() * 1000 / CLOCKS_PER_SEC;
}

/* Pieces; returns the ms of the processor that all of them took. */
static int64_t read_all(struct pnl *pnl, int piece)
{
    int64_t begin_ms = cpu_ms();
    bool ended = false;

    while (!ended)
        ck_assert_int_eq(pnl_read(pnl, reader, piece, &ended), ERR_NONE);
    return cpu_ms() - begin_ms;
}

START_TEST(all_executions_are_read_in_pieces)
{
    const struct pnl_filter filter = { .group = PNL_BY_SYMBOL };
    struct pnl *pnl = pnl_create(&filter, coins, NULL);
    int64_t took_ms = read_all(pnl, 10000);
    struct decimal expected = { (decimal_int)fills_wanted() / 2, 2 };
    struct decimal sum = DECIMAL_ZERO;
    int64_t trades = 0;
    size_t count;
    const struct pnl_row *rows = pnl_rows(pnl, &count);

    printf("pnl: %d executions in %d ms of the processor\n", fills_wanted(), (int)took_ms);
    ck_assert_uint_eq(count, 50);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(decimal_add(&sum, &sum, &rows[i].realised), ERR_NONE);
        ck_assert_int_eq(rows[i].unmatched + rows[i].skipped, 0);
        trades += rows[i].trades;
    }
    ck_assert_int_eq(trades, fills_wanted());
    ck_assert_int_eq(decimal_cmp(&sum, &expected), 0);
    pnl_destroy(pnl);
}
END_TEST

/* Executions of one millisecond go by the exchange's sequence, also over the end of a piece. */
START_TEST(small_pieces_give_the_same)
{
    const struct pnl_filter filter = { .group = PNL_BY_DAY, .symbol = "C7USDT" };
    struct pnl *whole = pnl_create(&filter, coins, NULL);
    struct pnl *pieces = pnl_create(&filter, coins, NULL);
    size_t count;
    size_t count_pieces;
    char line[400];

    (void)read_all(whole, 100000);
    (void)read_all(pieces, 7);
    (void)snprintf(line, sizeof(line), "%s", line_of(&pnl_rows(whole, &count)[0]));
    ck_assert_str_eq(line_of(&pnl_rows(pieces, &count_pieces)[0]), line);
    ck_assert_uint_eq(count, count_pieces);
    pnl_destroy(whole);
    pnl_destroy(pieces);
}
END_TEST

/* Of one order, that turned the position while it went through the prices: the list of the exchange
 * has the newest first, and so may the journal. */
START_TEST(an_order_closes_before_it_opens)
{
    const struct pnl_filter filter = { .group = PNL_BY_SYMBOL, .symbol = "TURNUSDT" };
    struct pnl *pnl = pnl_create(&filter, coins, NULL);
    static const char line[] = "USDT realised 19.45 fees 0 funding 0 net 19.45 volume 738 trades 6 "
                               "unmatched 0/0 skipped 0";
    size_t count;

    kit_change(&bridge,
               "WITH f(id,o,side,qty,price,closed,seq) AS (VALUES"
               " ('a','o1','buy','2','100','0',1),"
               " ('f','o2','sell','1','97','0',2),('e','o2','sell','1.00','98','0.00',2),"
               " ('d','o2','sell','2','98.5','1.5',2),('c','o2','sell','0.50','120','0.5',2),"
               " ('b','o3','buy','1','86','1.0',3))"
               " INSERT INTO fills SELECT NULL,id,o,'','linear','TURNUSDT',side,qty,price,'1','0',"
               "'USDT',0,'trade',closed,1800000000000,seq,'','','',1 FROM f");
    (void)read_all(pnl, _i);
    ck_assert_str_eq(line_of(&pnl_rows(pnl, &count)[0]), line);
    ck_assert_uint_eq(count, 1);
    pnl_destroy(pnl);
}
END_TEST

START_TEST(what_is_committed_meanwhile_is_left_to_the_next)
{
    const struct pnl_filter filter = { .group = PNL_BY_SYMBOL, .symbol = "C0USDT" };
    struct pnl *pnl = pnl_create(&filter, coins, NULL);
    const struct pnl_row *rows;
    size_t count;
    bool ended;

    ck_assert_int_eq(pnl_read(pnl, reader, 2, &ended), ERR_NONE);
    ck_assert(!ended);
    kit_change(&bridge,
               "INSERT INTO fills SELECT NULL,'new',order_id,link,category,symbol,side,qty,"
               "price,value,fee,fee_coin,maker,kind,closed_qty,1900000000000,exchange_seq,tag,"
               "client,client_id,seq FROM fills WHERE id=1");
    (void)read_all(pnl, 10000);
    rows = pnl_rows(pnl, &count);
    ck_assert_int_eq(rows[0].trades, fills_wanted() / 50);
    pnl_destroy(pnl);
}
END_TEST

START_TEST(a_damaged_row_is_an_error)
{
    const struct pnl_filter filter = { .group = PNL_BY_SYMBOL };
    struct pnl *pnl = pnl_create(&filter, coins, NULL);
    bool ended;

    kit_change(&bridge, "UPDATE fills SET price='1e5' WHERE id=3");
    ck_assert_int_eq(pnl_read(pnl, reader, 10, &ended), ERR_IO);
    pnl_destroy(pnl);
}
END_TEST

/* What the journal lacks has the tag of its order; a half of the orders has one here. */
START_TEST(what_the_journal_lacks_has_the_tag_of_its_order)
{
    static const char *const orders[] = { "o1", "o2", "nobody", "" };
    const struct pnl_filter filter = { .group = PNL_BY_TAG, .symbol = "NONE", .to_ms = 2 };
    const struct pnl_check_span span = { .to_ms = 2, .settled_ms = 2 };
    struct pnl_check *check = pnl_check_create(&span);
    struct pnl *pnl = pnl_create(&filter, coins, NULL);
    struct error error = { 0 };
    const struct pnl_row *rows;
    bool ended = false;
    size_t count;

    kit_change(&bridge, "UPDATE orders SET tag='grid' WHERE order_id='o1'");
    for (size_t i = 0; i < 4; i++) {
        struct ledger_entry entry = { .kind = LEDGER_TRADE,
                                      .has_category = true,
                                      .category = CATEGORY_LINEAR,
                                      .symbol = "BTCUSDT",
                                      .coin = "USDT",
                                      .at_ms = 1 };

        entry.exec_id[0] = (char)('a' + i);
        (void)snprintf(entry.order_id, sizeof(entry.order_id), "%s", orders[i]);
        entry.fee = decimal_from_int(1 << i);
        entry.qty = entry.price = entry.funding = entry.flow = entry.size = DECIMAL_NONE;
        ck_assert(!pnl_check_add(check, &entry, &error));
    }
    pnl_set_check(pnl, check);
    (void)read_all(pnl, 10);
    ck_assert(!pnl_read_lacks(pnl, reader, 3, &ended));
    ck_assert(!ended); /* in pieces, too */
    ck_assert(!pnl_read_lacks(pnl, reader, 3, &ended));
    ck_assert(ended);
    rows = pnl_rows(pnl, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(rows[0].tag, "");
    ck_assert(rows[0].log_fees.mantissa == 2 + 4 + 8);
    ck_assert_str_eq(rows[1].tag, "grid");
    ck_assert(rows[1].log_fees.mantissa == 1);
    pnl_destroy(pnl);
    pnl_check_destroy(check);
}
END_TEST

/* The plan's steps, one a line. */
static void plan_of(const struct pnl_filter *filter, char *out, size_t out_bytes)
{
    char sql[PNL_SQL_MAX];
    char explain[PNL_SQL_MAX + 32];
    sqlite3 *db;
    sqlite3_stmt *statement;
    size_t bytes = 0;

    (void)snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", pnl_read_sql(filter, sql));
    ck_assert_int_eq(reader_use(reader, &db), ERR_NONE);
    ck_assert_int_eq(sqlite3_prepare_v2(db, explain, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW)
        bytes += (size_t)snprintf(out + bytes, out_bytes - bytes, "%s\n",
                                  (const char *)sqlite3_column_text(statement, 3));
    sqlite3_finalize(statement);
    ck_assert_uint_lt(bytes, out_bytes);
}

START_TEST(the_reading_goes_by_an_index)
{
    const struct pnl_filter filters[] = {
        { .group = PNL_BY_DAY },
        { .group = PNL_BY_DAY, .to_ms = 5, .has_category = true, .category = CATEGORY_LINEAR },
        { .group = PNL_BY_DAY, .symbol = "BTCUSDT", .to_ms = 5 },
    };
    const char *index = filters[_i].symbol
                            ? "SEARCH f USING INDEX fills_symbol (symbol=? AND at_ms>"
                            : "SEARCH f USING INDEX fills_at (at_ms>";
    char plan[1000];

    plan_of(&filters[_i], plan, sizeof(plan));
    ck_assert_msg(strstr(plan, index) != NULL, "%s", plan);
    ck_assert_msg(strstr(plan, "SEARCH o USING INDEX orders_order_id (order_id=? AND category=?)"),
                  "%s", plan);
    ck_assert_msg(!strstr(plan, "SCAN"), "%s", plan);
    ck_assert_msg(!strstr(plan, "TEMP B-TREE FOR ORDER BY"), "%s", plan);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pnl_read");
    TCase *journal = tcase_create("journal");

    tcase_add_checked_fixture(journal, setup, teardown);
    tcase_add_test(journal, all_executions_are_read_in_pieces);
    tcase_add_test(journal, small_pieces_give_the_same);
    tcase_add_loop_test(journal, an_order_closes_before_it_opens, 1, 8);
    tcase_add_test(journal, what_is_committed_meanwhile_is_left_to_the_next);
    tcase_add_test(journal, a_damaged_row_is_an_error);
    tcase_add_test(journal, what_the_journal_lacks_has_the_tag_of_its_order);
    tcase_add_loop_test(journal, the_reading_goes_by_an_index, 0, 3);
    suite_add_tcase(suite, journal);
    return kit_main(suite);
}
