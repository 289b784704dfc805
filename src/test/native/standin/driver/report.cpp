// Broken preconditions, what is alive and what was called.
#include "driver.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace driver {

std::recursive_mutex& lock = *new std::recursive_mutex;

namespace {

constexpr int REPEATS_SHOWN = 3;

long violations = 0;
std::map<std::string, int>& shown = *new std::map<std::string, int>;
std::map<std::string, long>& live = *new std::map<std::string, long>;
std::map<std::string, long>& calls = *new std::map<std::string, long>;

std::string liveObjects() {
    std::string all = liveMemory();
    for (const auto& [kind, number] : live) {
        if (number != 0) {
            all += " " + kind + "=" + std::to_string(number);
        }
    }
    return all.empty() ? "" : all.substr(1);
}

struct AtExit {
    ~AtExit() {
        report("at exit");
    }
} atExit;

}  // namespace

void violation(const char* format, ...) {
    Guard guard(lock);
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    violations++;
    if (shown[text]++ < REPEATS_SHOWN) {
        fprintf(stderr, "standin: VIOLATION %s\n", text);
    }
    if (setting("STANDIN_ABORT", 0)) {
        abort();
    }
}

void count(const char* kind, int delta) {
    Guard guard(lock);
    live[kind] += delta;
}

void countCall(const std::string& name, long times) {
    Guard guard(lock);
    calls[name] += times;
}

// STANDIN_STATS=1: violations and what is alive. 2: also how often everything was called.
void report(const char* when) {
    const long detail = setting("STANDIN_STATS", 0);
    if (detail == 0) {
        return;
    }
    Guard guard(lock);
    fprintf(stderr, "standin: %s: %ld violations; live: %s\n", when, violations, liveObjects().c_str());
    if (detail > 1) {
        for (const auto& [name, number] : calls) {
            fprintf(stderr, "standin:   %8ld %s\n", number, name.c_str());
        }
    }
}

static void answer(const std::string& text, char* out, int bytes) {
    snprintf(out, bytes, "%s", text.c_str());
}

// For tests, through Java's foreign-function interface: what is alive, such as "device-blocks=1 streams=2".
EXPORTED void standin_live(char* out, int bytes) {
    Guard guard(lock);
    answer(liveObjects(), out, bytes);
}

// Sets a variable of the environment as the libraries see it; empty: takes it away.
EXPORTED void standin_set(const char* name, const char* value) {
    Guard guard(lock);
    if (*value) {
        setenv(name, value, 1);
    } else {
        unsetenv(name);
    }
}

EXPORTED long standin_violations() {
    Guard guard(lock);
    return violations;
}

// How often a kernel, a library's function or a kind of copy was put into a queue or a graph.
EXPORTED long standin_calls(const char* name) {
    Guard guard(lock);
    const auto found = calls.find(name);
    return found == calls.end() ? 0 : found->second;
}

// Everything ever queued, as lines of "times name".
EXPORTED void standin_all_calls(char* out, int bytes) {
    Guard guard(lock);
    std::string all;
    for (const auto& [name, number] : calls) {
        all += std::to_string(number) + " " + name + "\n";
    }
    answer(all, out, bytes);
}

}  // namespace driver
