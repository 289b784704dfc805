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
long seen = 0;
std::string& failed = *new std::string;
std::string& lastFunction = *new std::string;

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

int injected(const char* function, int usualStatus) {
    Guard guard(lock);
    if (!plan.read) {
        readEnvironment();
    }
    seen++;
    lastFunction = function;
    if (plan.remaining == 0 || (!plan.function.empty() && plan.function != function)) {
        return OK;
    }
    if (--plan.remaining > 0) {
        return OK;
    }
    failed = function;
    const int status = plan.status ? plan.status : usualStatus;
    if (plan.loses) {
        Context* context = nullptr;
        if (enter(&context, function) == OK) {
            lose(context, plan.status ? plan.status : UNKNOWN);
        }
    }
    return status;
}

// For tests, through Java's foreign-function interface. The n-th call from now fails; 0: none. `status` 0: the usual
// one of the library that is called.
EXPORTED void standin_fail_at(long n, int status, int loses) {
    Guard guard(lock);
    plan = Plan{true, "", n, status, loses != 0};
    seen = 0;
    failed.clear();
}

// Calls since the last standin_fail_at.
EXPORTED long standin_seen() {
    Guard guard(lock);
    return seen;
}

// The function that failed since the last standin_fail_at; empty: none.
EXPORTED void standin_failed(char* out, int bytes) {
    Guard guard(lock);
    snprintf(out, bytes, "%s", failed.c_str());
}

}  // namespace driver
