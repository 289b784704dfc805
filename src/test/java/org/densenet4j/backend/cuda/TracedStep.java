package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.TracedCall;
import org.densenet4j.data.Batch;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Trainer;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;

/**
 * Training steps on a CUDA device, for a process of its own: two, each with its images staged by
 * the one before.
 *
 * <ul>
 *   <li>{@code step MODEL BATCH FACTOR PRECISION} prints the calls of the second step by name
 *   <li>{@code all MODEL BATCH FACTOR PRECISION} those of everything from the opening to the second
 *       step's end
 *   <li>{@code memory MODEL BATCH FACTOR PRECISION} what of the second step's traffic reaches
 *       memory, by {@link CacheModel}, in the device's level-2 cache and in half of it
 * </ul>
 *
 * <p>A precision is that of a storage type, or {@code tf32} for float32 whose operands are rounded.
 */
public final class TracedStep {
    private final Trainer trainer;
    private final Batch batch;

    private TracedStep(Trainer trainer, DenseNetSpec spec, int images) {
        this.trainer = trainer;
        int pixels = spec.inputHeight() * spec.inputWidth() * spec.inputChannels();
        this.batch =
                new Batch(
                        new float[images * pixels],
                        new int[images],
                        spec.inputHeight(),
                        spec.inputWidth(),
                        spec.inputChannels());
    }

    private void run() {
        trainer.step(batch, batch);
    }

    /** See the class. */
    public static void main(String[] arguments) {
        String mode = arguments[0];
        DenseNetSpec spec = DenseNetSpec.preset(arguments[1]).build();
        int images = Integer.parseInt(arguments[2]);
        boolean rounds = arguments[4].equals("tf32");
        DeviceOptions options =
                DeviceOptions.defaults()
                        .withTensorFloat32(rounds)
                        .withChunkFactor(Double.parseDouble(arguments[3]))
                        .withGraphs(false)
                        .withTrace(!mode.equals("memory"));
        try (Device device = Device.open("cuda", options);
                Trainer trainer =
                        Trainer.of(spec, device)
                                .strategy(MemoryStrategy.SHARED)
                                .precision(rounds ? DataType.FLOAT32 : DataType.of(arguments[4]))
                                .batch(images)
                                .open()) {
            TracedStep step = new TracedStep(trainer, spec, images);
            if (mode.equals("memory")) {
                step.memory((CudaDevice) device);
                return;
            }
            step.run();
            if (mode.equals("step")) {
                device.takeTrace();
            }
            step.run();
            print(device.takeTrace());
        }
    }

    static void print(List<TracedCall> calls) {
        List<TracedCall> rows = new ArrayList<>(calls);
        rows.sort((a, b) -> a.name().compareTo(b.name()));
        rows.add(
                new TracedCall(
                        "total",
                        sum(calls, TracedCall::calls),
                        0,
                        sum(calls, TracedCall::bytes),
                        sum(calls, TracedCall::flops),
                        false));
        for (TracedCall c : rows) {
            System.out.printf(
                    "%-36s %6d calls %14d bytes %14d flops%n",
                    c.name(), c.calls(), c.bytes(), c.flops());
        }
    }

    private static long sum(List<TracedCall> calls, ToLongFunction<TracedCall> of) {
        return calls.stream().mapToLong(of).sum();
    }

    private void memory(CudaDevice device) {
        long cache = 2 * device.cacheBytes();
        CacheModel whole = new CacheModel(trainer.plan().peakBytes(), cache);
        CacheModel half = new CacheModel(trainer.plan().peakBytes(), cache / 2);
        CallTrace models =
                (name, traffic, call) -> {
                    whole.run(traffic);
                    half.run(traffic);
                    return call.getAsInt();
                };
        run();
        device.context().trace(models, CallTrace.OFF);
        run();
        System.out.printf(
                "memory traffic of a step: %.1f GB with a cache of %d MB, %.1f GB with half of it%n",
                whole.bytes() / 1e9, cache >> 20, half.bytes() / 1e9);
    }
}
