package org.densenet4j.distributed;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What each rank does in the tests of the communicator; it leaves its results in a file. */
final class Ranks {
    private Ranks() {}

    public static void main(String[] arguments) throws Exception {
        Communicator world = Communicator.world();
        switch (arguments[0]) {
            case "talk" -> {
                Files.write(Path.of("rank-" + world.rank()), talk(world));
                world.close();
                world.close();
            }
            case "leave" -> leave(world, arguments[1]);
            default -> throw new AssertionError(arguments[0]);
        }
    }

    private static List<String> talk(Communicator world) {
        List<String> said = new ArrayList<>();
        int rank = world.rank();
        said.add("size " + world.worldSize() + " local " + world.localRank());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment floats = arena.allocate(JAVA_FLOAT, 100_003);
            for (int i = 0; i < 100_003; i++) {
                floats.setAtIndex(JAVA_FLOAT, i, i % 1000 + 1000 * rank);
            }
            world.allReduce(floats);
            int wrong = 0;
            int others = 1000 * (world.worldSize() * (world.worldSize() - 1) / 2);
            for (int i = 0; i < 100_003; i++) {
                float sum = i % 1000 * world.worldSize() + others;
                wrong += floats.getAtIndex(JAVA_FLOAT, i) == sum ? 0 : 1;
            }
            said.add("wrong sums " + wrong);

            double[] doubles = {rank + 1, 1 / 3.0, rank == 1 ? Double.POSITIVE_INFINITY : 0};
            world.allReduce(doubles);
            said.add("doubles " + doubles[0] + " " + doubles[1] + " " + doubles[2]);

            MemorySegment bytes = arena.allocate(1000);
            bytes.fill((byte) (10 + rank));
            world.broadcast(bytes, 1);
            said.add("bytes of rank 1: " + bytes.get(JAVA_BYTE, 999));
        }
        said.add("null pointers " + caught());
        world.barrier();
        return said;
    }

    /** HotSpot finds null pointers by SIGSEGV in compiled code. */
    private static int caught() {
        int[][] arrays = {new int[1], new int[2], new int[3], new int[4]};
        long sum = 0;
        for (int i = 0; i < 300_000; i++) {
            sum += length(arrays, i);
        }
        arrays[2] = null;
        int caught = 0;
        for (int i = 0; i < 4000; i++) {
            try {
                sum += length(arrays, i);
            } catch (NullPointerException e) {
                caught++;
            }
        }
        return sum > 0 ? caught : -1;
    }

    private static int length(int[][] arrays, int i) {
        return arrays[i & 3].length;
    }

    /** Rank 1 leaves, the others wait for it. */
    private static void leave(Communicator world, String way) throws IOException {
        double[] one = {1};
        world.allReduce(one);
        if (world.rank() == 1) {
            switch (way) {
                case "throw" -> throw new IllegalStateException("rank 1 has enough");
                case "exit" -> System.exit(0);
                case "kill" -> Runtime.getRuntime().exec(kill());
                case "abort" -> world.abort(7);
                default -> throw new AssertionError(way);
            }
            while (true) {
                Thread.onSpinWait();
            }
        }
        world.allReduce(one);
        Files.createFile(Path.of("came-back"));
    }

    private static String[] kill() {
        return new String[] {"kill", "-9", String.valueOf(ProcessHandle.current().pid())};
    }
}
