// Events: marks in a stream that others wait for, or measure time between.
#include "driver.h"

using namespace driver;

namespace {

constexpr unsigned WITHOUT_TIMING = 2;  // CU_EVENT_DISABLE_TIMING

}  // namespace

API cuEventCreate(Event** out, unsigned flags) {
    ENTER(context);
    *out = new Event{context, flags};
    count("events", 1);
    return OK;
}

// The event itself is kept: operations in a queue may still name it.
API cuEventDestroy_v2(Event* event) {
    ENTER_RELEASE(context, outcome);
    if (!event || !event->alive) {
        violation("cuEventDestroy of no event, or twice");
        return INVALID_HANDLE;
    }
    event->alive = false;
    count("events", -1);
    return outcome;
}

API cuEventRecord(Event* event, Stream* stream) {
    ENTER(context);
    if (int invalid = valid(stream, context, __func__)) {
        return invalid;
    }
    if (!event || !event->alive || event->context != context) {
        violation("cuEventRecord of a destroyed event, or one of another context");
        return INVALID_HANDLE;
    }
    event->capturedIn = stream->capture;
    event->stream = stream;
    if (stream->capture) {
        event->captured = {stream->lane, stream->capture->lengths[stream->lane]};
        return OK;
    }
    Operation record{__func__};
    record.record = event;
    record.ticket = ++event->issued;
    push(stream, record);
    return OK;
}

API cuEventSynchronize(Event* event) {
    ENTER(context);
    if (!event || !event->alive) {
        violation("cuEventSynchronize of no event, or a destroyed one");
        return INVALID_HANDLE;
    }
    if (event->capturedIn) {
        violation("cuEventSynchronize of a captured event");
        return CAPTURE_UNSUPPORTED;
    }
    if (int forbidden = forbiddenInCapture(__func__)) {
        return forbidden;
    }
    if (event->stream) {
        until(event->stream, [&] { return event->done >= event->issued; });
    }
    return context->lost;
}

API cuEventQuery(Event* event) {
    ENTER(context);
    return event->done >= event->issued ? OK : NOT_READY;
}

API cuEventElapsedTime(float* milliseconds, Event* from, Event* to) {
    ENTER(context);
    if ((from->flags | to->flags) & WITHOUT_TIMING) {
        violation("time between events made without timing");
        return INVALID_HANDLE;
    }
    if (from->issued == 0 || to->issued == 0) {
        violation("time of an event that was never recorded");
        return INVALID_HANDLE;
    }
    if (from->done < from->issued || to->done < to->issued) {
        return NOT_READY;
    }
    *milliseconds = static_cast<float>(to->milliseconds - from->milliseconds);
    return OK;
}

API cuEventElapsedTime_v2(float* milliseconds, Event* from, Event* to) {
    return cuEventElapsedTime(milliseconds, from, to);
}
