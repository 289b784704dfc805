// Graphs: a capture records operations in place of queueing them, a launch queues all of them.
// STANDIN_NO_CAPTURE=1 and STANDIN_NO_INSTANTIATE=1: a driver that cannot.
#include "driver.h"

#include <memory>

using namespace driver;

struct Executable {
    std::shared_ptr<std::vector<Operation>> operations;
    bool alive = true;
};

API cuStreamBeginCapture_v2(Stream* stream, int mode) {
    ENTER(context);
    if (int invalid = valid(stream, context, __func__)) {
        return invalid;
    }
    if (stream->capture) {
        violation("a capture begins in a capture");
        return INVALID_VALUE;
    }
    if (setting("STANDIN_NO_CAPTURE", 0)) {
        return NOT_SUPPORTED;
    }
    stream->capture = new Graph;
    stream->captureThread = std::this_thread::get_id();
    stream->captureMode = mode;
    countCall("captures");
    return OK;
}

// Ends the capture even when it has to fail, as the real one does.
API cuStreamEndCapture(Stream* stream, Graph** out) {
    constexpr int RELAXED = 2;
    ENTER_RELEASE(context, outcome);
    *out = nullptr;
    if (int invalid = valid(stream, context, __func__)) {
        return invalid;
    }
    if (!stream->capture) {
        violation("a capture ends that never began");
        return CAPTURE_UNMATCHED;
    }
    if (stream->captureMode != RELAXED && stream->captureThread != std::this_thread::get_id()) {
        violation("a capture ends on another thread");
        return CAPTURE_WRONG_THREAD;
    }
    Graph* graph = stream->capture;
    stream->capture = nullptr;
    if (graph->invalid || outcome != OK) {
        delete graph;
        return outcome != OK ? outcome : static_cast<int>(CAPTURE_INVALIDATED);
    }
    count("graphs", 1);
    *out = graph;
    return OK;
}

API cuStreamIsCapturing(Stream* stream, int* status) {
    ENTER(context);
    if (int invalid = valid(stream, context, __func__)) {
        return invalid;
    }
    *status = !stream->capture ? 0 : stream->capture->invalid ? 2 : 1;
    return OK;
}

API cuGraphInstantiateWithFlags(Executable** out, Graph* graph, unsigned long long flags) {
    ENTER(context);
    if (flags || !graph || !graph->alive) {
        return INVALID_VALUE;
    }
    if (setting("STANDIN_NO_INSTANTIATE", 0)) {
        return OUT_OF_MEMORY;
    }
    *out = new Executable{std::make_shared<std::vector<Operation>>(graph->operations)};
    count("graph-executables", 1);
    return OK;
}

API cuGraphDestroy(Graph* graph) {
    ENTER_RELEASE(context, outcome);
    if (!graph || !graph->alive) {
        violation("cuGraphDestroy of no graph, or twice");
        return INVALID_VALUE;
    }
    graph->alive = false;
    graph->operations.clear();
    count("graphs", -1);
    return outcome;
}

API cuGraphExecDestroy(Executable* executable) {
    ENTER_RELEASE(context, outcome);
    if (!executable || !executable->alive) {
        violation("cuGraphExecDestroy of no graph, or twice");
        return INVALID_VALUE;
    }
    executable->alive = false;
    executable->operations.reset();
    count("graph-executables", -1);
    return outcome;
}

API cuGraphLaunch(Executable* executable, Stream* stream) {
    ENTER(context);
    if (int invalid = valid(stream, context, __func__)) {
        return invalid;
    }
    if (!executable || !executable->alive) {
        violation("cuGraphLaunch of a destroyed graph");
        return INVALID_HANDLE;
    }
    const auto operations = executable->operations;
    push(stream, Operation{__func__, [operations] {
                               for (Operation& operation : *operations) {
                                   execute(operation);
                               }
                           }});
    countCall("graph launches");
    countCall("graph nodes launched", static_cast<long>(operations->size()));
    return OK;
}

API cuGraphGetNodes(Graph* graph, void**, std::size_t* number) {
    ENTER(context);
    *number = graph->operations.size();
    return OK;
}
