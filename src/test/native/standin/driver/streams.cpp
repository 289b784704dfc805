// Streams are queues of closures. A real device runs them at any time between the call and the moment somebody waits
// for them; STANDIN_ORDER chooses when, so that a missing wait shows as a wrong result:
//   eager   at once
//   lazy    only when somebody waits
//   copies  the streams beside it (copies, sums over ranks) at once, the first only when somebody waits
//   late    the first at once, those beside it only when somebody waits
//   random  anything in between, with a seed
// A graph that was captured from several streams runs in that order, too.
#include "driver.h"

#include <chrono>
#include <cstring>
#include <random>
#include <sstream>

namespace driver {

namespace {

std::set<Stream*>& streams = *new std::set<Stream*>;
std::mt19937& dice = *new std::mt19937(static_cast<unsigned>(setting("STANDIN_SEED", 12345)));

const std::string& order() {
    static const auto* chosen = [] {
        const char* text = getenv("STANDIN_ORDER");
        return new std::string(text && *text ? text : "eager");
    }();
    return *chosen;
}

// Runs the first operation of a queue, and before it what that waits for. False: that can never come.
bool runFirst(Stream* stream) {
    Operation operation = std::move(stream->queue.front());
    stream->queue.pop_front();
    if (operation.wait && operation.wait->done < operation.ticket) {
        Event* event = operation.wait;
        const auto arrived = [&] { return event->done >= operation.ticket; };
        until(event->stream, arrived);
        if (!arrived()) {
            return false;
        }
    }
    execute(operation);
    return true;
}

void runSome(Stream* stream) {
    int number = dice() % 4 ? 0 : static_cast<int>(dice() % 40);
    while (number-- > 0 && !stream->queue.empty()) {
        runFirst(stream);
    }
}

void settle(Stream* stream) {
    const bool eagerly = order() == "eager";
    const bool copiesFirst = order() == "copies" && stream->second;
    const bool copiesLast = order() == "late" && !stream->second;
    if (eagerly || copiesFirst || copiesLast) {
        drain(stream);
    }
    if (order() == "random") {
        for (Stream* any : streams) {
            runSome(any);
        }
    }
}

// STANDIN_TIMES=name=milliseconds,...: what operations take by the clock of events, the first name that an operation's
// starts with; operations that are not named take a microsecond. Without it that clock stands still, with
// STANDIN_TIMES=host it is the host's.
double duration(const std::string& name) {
    static std::string& read = *new std::string;
    static auto& times = *new std::vector<std::pair<std::string, double>>;
    const char* text = getenv("STANDIN_TIMES");
    if (read != (text ? text : "")) {
        read = text ? text : "";
        times.clear();
        std::stringstream entries(read);
        for (std::string entry; getline(entries, entry, ',');) {
            const std::size_t equals = entry.find('=');
            times.emplace_back(entry.substr(0, equals), std::atof(entry.c_str() + equals + 1));
        }
    }
    for (const auto& [start, milliseconds] : times) {
        if (name.compare(0, start.size(), start) == 0) {
            return milliseconds;
        }
    }
    return times.empty() ? 0 : 1e-3;
}

double millisecondsOfHost() {
    static const auto start = std::chrono::steady_clock::now();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

bool submit(void* stream, const char* name, std::function<void()> work) {
    Guard guard(lock);
    Context* context = nullptr;
    if (enter(&context, name) || valid(static_cast<Stream*>(stream), context, name) || !stream) {
        return false;
    }
    push(static_cast<Stream*>(stream), Operation{name, dry() ? nullptr : std::move(work)});
    countCall(name);
    return true;
}

bool capturing(void* stream) {
    Guard guard(lock);
    return stream && static_cast<Stream*>(stream)->capture;
}

bool mayAllocate(const char* caller) {
    Guard guard(lock);
    return forbiddenInCapture(caller) == OK;
}

void* currentContext(const char* caller) {
    Guard guard(lock);
    Context* context = nullptr;
    return enter(&context, caller) == OK ? context : nullptr;
}

}  // namespace

int valid(Stream* stream, Context* context, const char* caller) {
    if (!stream) {
        violation("%s on the legacy default stream", caller);
        return INVALID_HANDLE;
    }
    if (!streams.count(stream)) {
        violation("%s on a destroyed stream", caller);
        return INVALID_HANDLE;
    }
    if (stream->context != context) {
        violation("%s on a stream of another context than the current one", caller);
        return INVALID_HANDLE;
    }
    return OK;
}

void execute(Operation& operation) {
    static double clock = 0;
    if (operation.run) {
        operation.run();
    }
    if (!operation.record && !operation.wait) {
        clock += duration(operation.name);
    }
    if (operation.record) {
        operation.record->done = std::max(operation.record->done, operation.ticket);
        const char* times = getenv("STANDIN_TIMES");
        const bool hosts = times && std::string(times) == "host";
        operation.record->milliseconds = hosts ? millisecondsOfHost() : clock;
    }
}

void until(Stream* stream, const std::function<bool()>& done) {
    while (!done() && !stream->queue.empty()) {
        if (!runFirst(stream)) {
            violation("dead-lock between streams");
        }
    }
}

void drain(Stream* stream) {
    until(stream, [] { return false; });
}

void drainAll(Context* context) {
    for (Stream* stream : streams) {
        if (stream->context == context) {
            drain(stream);
        }
    }
}

void forgetStreams(Context* context) {
    for (auto stream = streams.begin(); stream != streams.end();) {
        if ((*stream)->context != context) {
            ++stream;
            continue;
        }
        violation("a stream outlives its context");
        count("streams", -1);
        stream = streams.erase(stream);
    }
}

void push(Stream* stream, Operation operation) {
    if (stream->capture) {
        operation.lane = stream->lane;
        stream->capture->lengths[stream->lane]++;
        stream->capture->operations.push_back(std::move(operation));
        return;
    }
    stream->queue.push_back(std::move(operation));
    settle(stream);
}

// A stream that waits for a captured one is captured with it (CUDA programming guide, cross-stream dependencies).
void joinCapture(Stream* stream, const Stream* other) {
    stream->capture = other->capture;
    stream->captureThread = other->captureThread;
    stream->captureMode = other->captureMode;
    stream->lane = stream->capture->lengths.size();
    stream->capture->lengths.push_back(0);
}

void endCapture(Graph* graph) {
    for (Stream* stream : streams) {
        if (stream->capture == graph) {
            stream->capture = nullptr;
        }
    }
}

void runGraph(const std::vector<Operation>& operations, std::size_t lanes) {
    std::vector<std::vector<const Operation*>> queues(lanes);
    for (const Operation& operation : operations) {
        queues[operation.lane].push_back(&operation);
    }
    std::vector<std::size_t> done(lanes);
    const auto ready = [&](std::size_t lane) {
        if (done[lane] == queues[lane].size()) {
            return false;
        }
        const Mark& after = queues[lane][done[lane]]->after;
        return done[after.lane] >= after.operations;
    };
    for (std::size_t next = 0; next < operations.size(); next++) {
        std::size_t chosen = lanes;
        const std::size_t first = order() == "random" ? dice() % lanes : 0;
        for (std::size_t i = 0; i < lanes && chosen == lanes; i++) {
            const std::size_t lane = order() == "copies" ? lanes - 1 - i : (first + i) % lanes;
            if (order() == "eager" ? operations[next].lane == lane : ready(lane)) {
                chosen = lane;
            }
        }
        if (chosen == lanes) {
            violation("operations of a graph wait for each other");
            return;
        }
        Operation operation = *queues[chosen][done[chosen]++];
        execute(operation);
    }
}

// Calls that may allocate or wait end the capture of the calling thread, in every mode but the relaxed one.
int forbiddenInCapture(const char* caller) {
    constexpr int RELAXED = 2;
    for (Stream* stream : streams) {
        const bool here = stream->captureThread == std::this_thread::get_id();
        if (stream->capture && here && stream->captureMode != RELAXED) {
            violation("%s during stream capture", caller);
            stream->capture->invalid = true;
            return CAPTURE_UNSUPPORTED;
        }
    }
    return OK;
}

static const StandIn table = {
    submit, violation, insideDevice, currentContext, capturing, mayAllocate, count, injected, dry,
};

}  // namespace driver

using namespace driver;

EXPORTED const StandIn* standin() {
    return &table;
}

EXPORTED int standin_missing(const char* name) {
    violation("%s is not part of the stand-in", name);
    return NOT_SUPPORTED;
}

API cuStreamCreate(Stream** out, unsigned flags) {
    ENTER(context);
    if (int forbidden = forbiddenInCapture(__func__)) {
        return forbidden;
    }
    if (flags > 1) {
        return INVALID_VALUE;
    }
    int withoutPartner = 0;  // first streams of devices whose second one does not exist yet
    for (Stream* stream : streams) {
        if (stream->context == context) {
            withoutPartner += stream->second ? -1 : 1;
        }
    }
    *out = new Stream{context, withoutPartner > 0};
    streams.insert(*out);
    count("streams", 1);
    return OK;
}

API cuCtxGetStreamPriorityRange(int* least, int* greatest) {
    ENTER(context);
    *least = 0;
    *greatest = -5;
    return OK;
}

API cuStreamCreateWithPriority(Stream** out, unsigned flags, int priority) {
    ENTER(context);
    if (int forbidden = forbiddenInCapture(__func__)) {
        return forbidden;
    }
    if (flags > 1 || priority > 0) {
        return INVALID_VALUE;
    }
    *out = new Stream{context, true};
    streams.insert(*out);
    count("streams", 1);
    return OK;
}

API cuStreamDestroy_v2(Stream* stream) {
    ENTER_RELEASE(context, outcome);
    if (int invalid = valid(stream, context, __func__)) {
        return invalid;
    }
    if (stream->capture) {
        violation("a stream is destroyed while it captures");
        return INVALID_VALUE;
    }
    drain(stream);
    streams.erase(stream);
    count("streams", -1);
    return outcome;
}

API cuStreamSynchronize(Stream* stream) {
    ENTER(context);
    if (int invalid = valid(stream, context, __func__)) {
        return invalid;
    }
    if (stream->capture) {
        violation("cuStreamSynchronize of a capturing stream");
        stream->capture->invalid = true;
        return CAPTURE_UNSUPPORTED;
    }
    if (int forbidden = forbiddenInCapture(__func__)) {
        return forbidden;
    }
    drain(stream);
    return context->lost;
}

// A device gets on with its work while the host asks.
API cuStreamQuery(Stream* stream) {
    ENTER(context);
    if (int invalid = valid(stream, context, __func__)) {
        return invalid;
    }
    if (!stream->queue.empty() && !runFirst(stream)) {
        violation("dead-lock between streams");
    }
    return stream->queue.empty() ? OK : NOT_READY;
}

API cuStreamWaitEvent(Stream* stream, Event* event, unsigned) {
    ENTER(context);
    if (int invalid = valid(stream, context, __func__)) {
        return invalid;
    }
    if (!event || !event->alive) {
        violation("cuStreamWaitEvent for a destroyed event");
        return INVALID_HANDLE;
    }
    if (stream->capture && event->capturedIn != stream->capture) {
        violation("a capturing stream waits for an event recorded outside the capture");
        stream->capture->invalid = true;
        return CAPTURE_ISOLATION;
    }
    if (event->capturedIn) {
        if (!event->stream->capture || event->stream->capture != event->capturedIn) {
            violation("a stream waits for an event of a capture that is over");
            return CAPTURE_ISOLATION;
        }
        if (!stream->capture) {
            joinCapture(stream, event->stream);
        }
        Operation wait{__func__};
        wait.after = event->captured;
        push(stream, wait);
        return OK;
    }
    // An event that was never recorded is no reason to wait.
    if (event->issued > 0 && !stream->capture) {
        Operation wait{__func__};
        wait.wait = event;
        wait.ticket = event->issued;
        push(stream, wait);
    }
    return OK;
}
