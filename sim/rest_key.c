/* /v5/user/query-api: what the key may do. */
#include <string.h>
#include <time.h>

#include "sim/rest.h"

#define DEADLINE_DAYS 89
#define DAY_MS        INT64_C(86400000)

static const struct {
    const char *group;
    const char *names[3];
} permissions[] = {
    { "ContractTrade", { "Order", "Position" } },
    { "Spot", { "SpotTrade" } },
    { "Wallet", { NULL } },
    { "Options", { NULL } },
    { "Derivatives", { "DerivativesTrade" } },
    { "CopyTrading", { NULL } },
    { "BlockTrade", { NULL } },
    { "Exchange", { NULL } },
    { "NFT", { NULL } },
    { "Affiliate", { NULL } },
    { "Earn", { NULL } },
};

static const struct build_constant constants[] = {
    { "id", "1" },
    { "note", "simulation" },
    { "secret", "" },
    { "createdAt", "2025-10-13T03:20:45Z" },
    { "vipLevel", "No VIP" },
    { "mktMakerLevel", "0" },
    { "rsaPublicKey", "" },
    { "parentUid", "0" },
    { "kycLevel", "LEVEL_1" },
    { "kycRegion", "MYS" },
    { "userIDInt64", ACCOUNT_USER_TEXT },
    { "inviterIDInt64", "0" },
    { "affiliateIDInt64", "0" },
};

static void add_name(cJSON *list, const char *name)
{
    (void)cJSON_AddItemToArray(list, cJSON_CreateString(name));
}

static void add_permissions(cJSON *out, const struct key_rights *rights)
{
    cJSON *groups = build_object(out, "permissions");

    for (size_t i = 0; i < ARRAY_LEN(permissions); i++) {
        cJSON *names = build_list(groups, permissions[i].group);

        for (size_t j = 0; j < ARRAY_LEN(permissions[i].names) && permissions[i].names[j]; j++)
            add_name(names, permissions[i].names[j]);
        if (rights->withdraw && strcmp(permissions[i].group, "Wallet") == 0) {
            add_name(names, "AccountTransfer");
            add_name(names, "Withdraw");
        }
    }
}

static bool is_bound(const struct key_rights *rights)
{
    for (size_t i = 0; i < rights->ips_count; i++) {
        if (strcmp(rights->ips[i], "*") == 0)
            return false;
    }
    return rights->ips_count > 0;
}

/* Keys that are bound to no address end after 90 days. */
static void add_end(cJSON *out, const struct key_rights *rights, int64_t now_ms)
{
    time_t end = (time_t)((now_ms + DEADLINE_DAYS * DAY_MS) / 1000);
    char text[32] = "1970-01-01T00:00:00Z";
    struct tm parts;

    if (!is_bound(rights) && gmtime_r(&end, &parts))
        (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    build_text(out, "expiredAt", text);
    build_int(out, "deadlineDay", is_bound(rights) ? -2 : DEADLINE_DAYS);
}

struct refusal rest_query_api(struct rest_call *call)
{
    const struct key_rights *rights = call->rights;
    cJSON *ips;

    add_permissions(call->result, rights);
    build_text(call->result, "apiKey", call->login->key);
    build_constants(call->result, constants, ARRAY_LEN(constants));
    add_end(call->result, rights, call->exchange->now_ms);
    ips = build_list(call->result, "ips");
    for (size_t i = 0; i < rights->ips_count; i++)
        add_name(ips, rights->ips[i]);
    if (rights->ips_count == 0)
        add_name(ips, "*");
    build_int(call->result, "readOnly", rights->read_only);
    build_int(call->result, "type", 1);
    build_int(call->result, "unified", 0);
    build_int(call->result, "uta", 1);
    build_int(call->result, "userID", ACCOUNT_USER);
    build_int(call->result, "inviterID", 0);
    build_int(call->result, "affiliateID", 0);
    build_bool(call->result, "isMaster", true);
    return (struct refusal){ 0, "OK" };
}
