// Graphs: a capture records operations in place of queueing them, a launch queues all of them.
// STANDIN_NO_CAPTURE=1 and STANDIN_NO_INSTANTIATE=1: a driver that cannot.
#include "driver.h"

#include <memory>

using namespace driver;

struct Executable {
    std::shared_ptr<std::vector<Operation>> operations;
    std::size_t lanes;
    bool alive = true;
};

// Whether the stream that captures has waited in the end for all that the others were given.
static bool isJoined(const Graph& graph) {
    std::vector<std::size_t> awaited(graph.lengths.size());
    for (const Operation& operation : graph.operations) {
        if (operation.lane == 0) {
            awaited[operation.after.lane] = std::max(awaited[operation.after.lane], operation.after.operations);
        }
    }
    for (std::size_t lane = 1; lane < graph.lengths.size(); lane++) {
        if (awaited[lane] < graph.lengths[lane]) {
            return false;
        }
    }
    return true;
}

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
    stream->capture->lengths.push_back(0);
    stream->lane = 0;
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
    if (stream->lane != 0) {
        violation("a capture ends on a stream that joined it");
        return CAPTURE_UNMATCHED;
    }
    endCapture(graph);
    if (!graph->invalid && outcome == OK && !isJoined(*graph)) {
        delete graph;
        return CAPTURE_UNJOINED;
    }
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
    *out = new Executable{std::make_shared<std::vector<Operation>>(graph->operations),
                          graph->lengths.size()};
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
    const std::size_t lanes = executable->lanes;
    push(stream, Operation{__func__, [operations, lanes] { runGraph(*operations, lanes); }});
    countCall("graph launches");
    countCall("graph nodes launched", static_cast<long>(operations->size()));
    return OK;
}

API cuGraphGetNodes(Graph* graph, void**, std::size_t* number) {
    ENTER(context);
    *number = graph->operations.size();
    return OK;
}
