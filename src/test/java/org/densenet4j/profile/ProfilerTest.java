package org.densenet4j.profile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Batch;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.Operation;
import org.densenet4j.plan.Phase;
import org.densenet4j.profile.Profile.OperationProfile;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.NonFiniteException;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

class ProfilerTest {
    private static final DenseNetSpec SPEC = DenseNetSpec.bc(10, 4).inputSize(9).build();
    private static Device device;

    @TempDir private Path folder;

    @BeforeAll
    static void open() {
        device = Device.open("cpu", DeviceOptions.defaults().withThreads(2));
    }

    @AfterAll
    static void close() {
        device.close();
    }

    private static Batch batch(int images) {
        SplittableRandom random = new SplittableRandom(1);
        float[] pixels = new float[images * 9 * 9 * 3];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.nextGaussian();
        }
        return new Batch(pixels, random.ints(images, 0, 10).toArray(), 9, 9, 3);
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyOperationIsTimedOnceInEveryStep(MemoryStrategy strategy) {
        try (Trainer trainer = Trainer.of(SPEC, device).strategy(strategy).batch(4).open();
                Profiler profiler = Profiler.attach(trainer, device)) {
            trainer.step(batch(4));
            profiler.reset();
            for (int s = 0; s < 3; s++) {
                trainer.step(batch(4));
                trainer.evaluate(batch(4));
            }
            Profile profile = profiler.profile();
            assertEquals(trainer.plan().operations().size(), profile.operations().size());
            for (OperationProfile o : profile.operations()) {
                assertEquals(3, o.time().count(), o.operation().name());
                assertTrue(o.time().min() > 0 && o.time().min() <= o.time().median());
                assertTrue(o.time().median() <= o.time().max());
            }
            assertEquals(3, profile.steps().size());
            assertTrue(profile.operationSeconds() <= 3 * profile.stepTime().max());
        }
    }

    @Test
    void microBatchesAreSamplesOfTheirOwn() {
        try (Trainer trainer = Trainer.of(SPEC, device).batch(4).accumulate(2).open();
                Profiler profiler = Profiler.attach(trainer, device)) {
            trainer.step(batch(4));
            Profile profile = profiler.profile();
            assertEquals(2, profile.operations().getFirst().time().count());
            assertEquals(1, profile.operations().getLast().time().count());
            assertEquals(1, profile.steps().size());
        }
    }

    @Test
    void detachedItHearsNothingMore() {
        try (Trainer trainer = Trainer.of(SPEC, device).batch(4).open()) {
            Profiler profiler = Profiler.attach(trainer, device);
            profiler.close();
            profiler.close();
            trainer.step(batch(4));
            assertFalse(profiler.profile().isTimed());
        }
    }

    @Test
    void aFailingStepIsReportedUpToItsFailure() throws Exception {
        try (Trainer trainer = Trainer.of(SPEC, device).batch(4).open();
                Profiler profiler = Profiler.attach(trainer, device)) {
            Batch broken = batch(4);
            Arrays.fill(broken.images(), Float.NaN);
            NonFiniteException e =
                    assertThrows(NonFiniteException.class, () -> trainer.step(broken));
            Profile profile = profiler.profile(e);
            assertTrue(profile.isTimed());
            assertEquals(0, profile.steps().size());
            assertEquals(0, profile.operations().getLast().time().count(), "no update");
            ProfileReport.write(profile, folder);
            String html = Files.readString(folder.resolve("report.html"));
            assertTrue(html.contains("This step failed"));
            assertTrue(html.contains("not finite"));
            assertTrue(Files.readString(folder.resolve("profile.json")).contains("not finite"));
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void theTimelineReachesThePlansPeakWhichIsTheAllocatedArena(MemoryStrategy strategy) {
        try (Trainer trainer = Trainer.of(SPEC, device).strategy(strategy).batch(5).open()) {
            long most = 0;
            for (Operation o : trainer.plan().operations()) {
                long live = trainer.plan().liveBytes(o.index());
                long sum =
                        trainer.plan().bytesAt(o.index()).values().stream()
                                .mapToLong(Long::longValue)
                                .sum();
                assertEquals(live, sum);
                most = Math.max(most, live);
            }
            assertEquals(trainer.plan().peakBytes(), most);
            assertEquals(trainer.network().allocatedBytes(), most);
        }
    }

    @Test
    void aFlightRecordingShowsPlanStepsAndOperations() throws Exception {
        Path file = folder.resolve("recording.jfr");
        int operations;
        try (Recording recording = new Recording()) {
            recording.start();
            try (Trainer trainer = Trainer.of(SPEC, device).batch(4).open()) {
                operations = trainer.plan().operations().size();
                trainer.step(batch(4));
                trainer.step(batch(4));
            }
            recording.stop();
            recording.dump(file);
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file);
        assertEquals(2, count(events, "org.densenet4j.Step"));
        assertEquals(2L * operations, count(events, "org.densenet4j.Operation"));
        RecordedEvent plan =
                events.stream()
                        .filter(e -> e.getEventType().getName().endsWith("AllocationPlan"))
                        .findFirst()
                        .orElseThrow();
        assertEquals("SHARED", plan.getString("strategy"));
        assertTrue(plan.getLong("peakBytes") > plan.getLong("features"));
    }

    private static long count(List<RecordedEvent> events, String type) {
        return events.stream().filter(e -> e.getEventType().getName().equals(type)).count();
    }

    @Test
    void costsAddUpToTheNetworksMultiplyAdds() {
        // A transition's convolution runs behind its pool here, on a quarter of the rows.
        DenseNetSpec even = DenseNetSpec.bc(10, 4).inputSize(16).build();
        for (MemoryStrategy s : MemoryStrategy.values()) {
            var plan = org.densenet4j.plan.MemoryPlan.of(even).strategy(s).batch(3).on(device);
            long forward = 0;
            long saved = 0;
            List<OperationCost> costs = OperationCost.of(plan);
            for (Operation o : plan.operations()) {
                if (o.phase() == Phase.FORWARD) {
                    forward += costs.get(o.index()).flops();
                    if (o.name().startsWith("transition")) {
                        saved += 3 * costs.get(o.index()).flops();
                    }
                }
            }
            assertEquals(6 * plan.memory().graph().multiplyAdds(), forward + saved);
            assertEquals(
                    s == MemoryStrategy.RECOMPUTE,
                    costs.stream().anyMatch(c -> c.recomputedFlops() > 0));
        }
    }

    @Test
    void ceilingsAreMeasured() {
        Ceilings c = Ceilings.measure(device);
        assertTrue(c.flopsPerSecond() > 1e8, "flops " + c.flopsPerSecond());
        assertTrue(c.bytesPerSecond() > 1e7, "bytes " + c.bytesPerSecond());
        assertEquals(c.flopsPerSecond(), c.attainable(1e9));
        assertEquals(c.bytesPerSecond() / 1000, c.attainable(0.001), 1);
    }
}
