// Calls that fail because a test wants them to.
#include "driver.h"

#include <cstdio>
#include <cstring>

namespace driver {

namespace {

struct Plan {
    bool read = false;
    std::string function;  // empty: calls of every function count
    long remaining = 0;    // calls until the one that fails; 0: none fails
    int status = 0;        // what it answers; 0: the library's usual one
    bool loses = false;    // the device is lost with it
};

Plan& plan = *new Plan;
std::vector<const char*>& seen = *new std::vector<const char*>;  // functions called, while a test wants to know
bool keeping = false;
std::string& failed = *new std::string;

void readEnvironment() {
    plan.read = true;
    plan.remaining = setting("STANDIN_FAIL_CALL", 0);
    const char* function = getenv("STANDIN_FAIL_FUNCTION");
    plan.function = function ? function : "";
    if (!plan.function.empty() && plan.remaining == 0) {
        plan.remaining = 1;
    }
    plan.status = static_cast<int>(setting("STANDIN_FAIL_STATUS", 0));
    plan.loses = setting("STANDIN_FAIL_LOST", 0) != 0;
}

}  // namespace

// A context that is lost answers every call with this status until it is destroyed.
void lose(Context* context, int status) {
    context->lost = status;
}

// The driver's functions pass UNKNOWN as their usual status and look themselves whether their context is lost.
int injected(const char* function, int usualStatus) {
    Guard guard(lock);
    const bool library = usualStatus != UNKNOWN;
    if (!plan.read) {
        readEnvironment();
    }
    if (keeping) {
        seen.push_back(function);
    }
    Context* context = currentOrNull();
    const bool counts = plan.function.empty() || plan.function == function;
    if (plan.remaining == 0 || !counts || --plan.remaining > 0) {
        return library && context && context->lost ? usualStatus : OK;
    }
    failed = function;
    const int status = plan.status ? plan.status : usualStatus;
    if (plan.loses && context) {
        lose(context, plan.status ? plan.status : UNKNOWN);
        return library ? usualStatus : status;
    }
    return status;
}

// For tests, through Java's foreign-function interface. The n-th call from now fails; 0: none. `status` 0: the usual
// one of the library that is called. `loses`: the device is lost with it.
EXPORTED void standin_fail_at(long n, int status, int loses) {
    Guard guard(lock);
    plan = Plan{true, "", n, status, loses != 0};
    seen.clear();
    keeping = true;
    failed.clear();
}

// Calls since the last standin_fail_at.
EXPORTED long standin_seen() {
    Guard guard(lock);
    return static_cast<long>(seen.size());
}

// The function of the n-th call since the last standin_fail_at, from 1.
EXPORTED void standin_function(long n, char* out, int bytes) {
    Guard guard(lock);
    snprintf(out, bytes, "%s", seen.at(n - 1));
}

// The function that failed since the last standin_fail_at; empty: none.
EXPORTED void standin_failed(char* out, int bytes) {
    Guard guard(lock);
    snprintf(out, bytes, "%s", failed.c_str());
}

}  // namespace driver
