package org.densenet4j.backend.cuda;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.charset.StandardCharsets.UTF_8;

import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.DeviceMemoryException;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.LayerHalf;
import org.densenet4j.distributed.Communicator;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;

/**
 * Which halves of dense layers run by fused kernels, of those that have some: where times of both
 * ways are known, from the cache folder or measured now, the faster way; elsewhere the rule of
 * {@link FusedLayers}, by which all of them do. What was chosen once stays chosen.
 *
 * <p>Ranks of a job take the same steps. So a device that joins others takes what rank 0's knew and
 * had measured until then, and measures nothing more.
 */
final class LayerChoices {
    private static final String RULE = "rule";

    private final CudaDevice device;
    private final LayerStopwatch stopwatch;
    private final Supplier<LayerTimesFile> files;

    /** Why nothing is measured, for {@link #state}; empty where it is. */
    private String hindrance;

    private @Nullable LayerTimesFile file;

    /** Times by label; null until somebody asks. */
    private @Nullable Map<String, LayerTimes> known;

    private final Map<String, Boolean> chosen = new HashMap<>();
    private final Set<String> ways = new TreeSet<>();

    /**
     * @param files says where times are kept, once somebody asks
     */
    LayerChoices(CudaDevice device, Supplier<LayerTimesFile> files) {
        this.device = device;
        this.stopwatch = new LayerStopwatch(device);
        this.files = files;
        this.hindrance = hindrance(device.options());
    }

    /** Times, or why there are none. */
    private record Answer(Optional<LayerTimes> times, String reason) {
        static Answer of(LayerTimes times) {
            return new Answer(Optional.of(times), "");
        }

        static Answer without(String reason) {
            return new Answer(Optional.empty(), reason);
        }

        String way() {
            return times.isPresent() ? "measured" : RULE + ":" + reason;
        }

        /** The rule is that what can be fused is. */
        boolean fused() {
            return times.map(LayerTimes::preferFused).orElse(true);
        }
    }

    private static String hindrance(DeviceOptions options) {
        if (options.trace()) {
            return "traced";
        }
        return options.synchronous() ? "synchronous" : "";
    }

    /** Whether times are looked at. */
    private boolean measures() {
        return device.options().measuredLayers() && !device.options().deterministic();
    }

    /** {@code measured}, {@code rule} with a reason, or both, joined by a plus. */
    String state() {
        if (!device.options().measuredLayers()) {
            return RULE;
        }
        if (device.options().deterministic()) {
            return RULE + ":deterministic";
        }
        if (ways.isEmpty()) {
            return hindrance.isEmpty() ? "measured" : RULE + ":" + hindrance;
        }
        return String.join("+", ways);
    }

    /** See {@link org.densenet4j.backend.Device#fuses}. */
    boolean fuses(LayerHalf half, boolean mayMeasure) {
        if (!half.isFusedOn(device)) {
            return false;
        }
        if (!measures()) {
            return true;
        }
        String label = half.label();
        Boolean before = chosen.get(label);
        if (before != null) {
            return before;
        }
        LayerTimes times = known().get(label);
        if (!mayMeasure) {
            return times == null || times.preferFused();
        }
        Answer answer = times == null ? measured(half) : Answer.of(times);
        chosen.put(label, answer.fused());
        ways.add(answer.way());
        log(label, answer);
        return answer.fused();
    }

    private Map<String, LayerTimes> known() {
        if (known == null) {
            known = new LinkedHashMap<>(file().read());
        }
        return known;
    }

    private LayerTimesFile file() {
        if (file == null) {
            file = files.get();
        }
        return file;
    }

    private Answer measured(LayerHalf half) {
        if (!hindrance.isEmpty()) {
            return Answer.without(hindrance);
        }
        try {
            if (stopwatch.runs()) {
                LayerTimes times = stopwatch.times(half);
                if (times.arePlausible()) {
                    known().put(half.label(), times);
                    file().add(Map.of(half.label(), times));
                    return Answer.of(times);
                }
            }
            hindrance = "no-clock";
        } catch (DeviceMemoryException e) {
            return Answer.without("no-memory"); // of this half; a smaller one may have enough
        } catch (DeviceException e) {
            if (device.context().isLost() || device.context().isCapturing()) {
                throw e;
            }
            hindrance = "failed";
            System.getLogger("org.densenet4j")
                    .log(
                            System.Logger.Level.WARNING,
                            "dense layers run by fused kernels wherever there are some, because"
                                    + " measuring failed: "
                                    + e.getMessage());
        }
        return Answer.without(hindrance);
    }

    /**
     * Takes the times that rank 0 has; see the class.
     *
     * @param communicator whose ranks all call this
     */
    void agree(Communicator communicator, int rank) {
        byte[] own =
                rank == 0 && measures()
                        ? LayerTimesFile.text(known()).getBytes(UTF_8)
                        : new byte[0];
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment length = memory.allocateFrom(JAVA_LONG, own.length);
            communicator.broadcast(length, 0);
            byte[] text = new byte[Math.toIntExact(length.get(JAVA_LONG, 0))];
            if (text.length > 0) {
                System.arraycopy(own, 0, text, 0, own.length);
                MemorySegment bytes = memory.allocateFrom(JAVA_BYTE, text);
                communicator.broadcast(bytes, 0);
                text = bytes.toArray(JAVA_BYTE);
            }
            List<String> lines = new String(text, UTF_8).lines().toList();
            known = new LinkedHashMap<>(LayerTimesFile.parsed(lines));
        }
        chosen.clear();
        ways.clear();
        hindrance = "ranks";
    }

    private static void log(String label, Answer answer) {
        String times =
                answer.times
                        .map(
                                t ->
                                        String.format(
                                                Locale.ROOT,
                                                "fused kernels %.4f ms, libraries %.4f ms",
                                                1e3 * t.fused(),
                                                1e3 * t.libraries()))
                        .orElse(answer.way());
        System.getLogger("org.densenet4j")
                .log(
                        System.Logger.Level.DEBUG,
                        label + ": " + times + "; " + (answer.fused() ? "fused" : "libraries"));
    }
}
