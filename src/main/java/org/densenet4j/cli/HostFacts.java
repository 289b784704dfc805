package org.densenet4j.cli;

import org.densenet4j.plan.Bytes;
import org.densenet4j.report.Json;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The processor, the memory and the JVM. What the system does not tell is left out.
 *
 * @param processor model name; "" where unknown
 * @param processors that the JVM may use
 * @param vectorInstructions of those that matter here
 * @param memoryBytes of the machine
 * @param availableBytes that can be had without swapping
 * @param hugePages the setting of transparent huge pages; "" where unknown
 * @param java version and vendor
 * @param vectorApi whether the JVM was started with the Vector API
 * @param heapBytes largest Java heap
 */
record HostFacts(
        String processor,
        int processors,
        List<String> vectorInstructions,
        OptionalLong memoryBytes,
        OptionalLong availableBytes,
        String hugePages,
        String java,
        boolean vectorApi,
        long heapBytes) {
    private static final List<String> INSTRUCTIONS =
            List.of("avx2", "fma", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16");

    static HostFacts ofThisMachine() {
        List<String> flags = Arrays.asList(first("/proc/cpuinfo", "flags\\s*:(.*)").split(" ", -1));
        return new HostFacts(
                first("/proc/cpuinfo", "model name\\s*:(.*)"),
                Runtime.getRuntime().availableProcessors(),
                INSTRUCTIONS.stream().filter(flags::contains).toList(),
                kilobytes("MemTotal"),
                kilobytes("MemAvailable"),
                first("/sys/kernel/mm/transparent_hugepage/enabled", ".*\\[(\\w+)].*"),
                Runtime.version() + ", " + System.getProperty("java.vendor"),
                ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent(),
                Runtime.getRuntime().maxMemory());
    }

    /** Processors of the machine, those that this process may not use included; 0 where unknown. */
    static int onlineProcessors() {
        int count = 0;
        for (String range : first("/sys/devices/system/cpu/online", "([-0-9,]+)").split(",", -1)) {
            String[] ends = range.split("-", -1);
            if (!range.isEmpty()) {
                count += Integer.parseInt(ends[ends.length - 1]) - Integer.parseInt(ends[0]) + 1;
            }
        }
        return count;
    }

    private static OptionalLong kilobytes(String name) {
        String value = first("/proc/meminfo", name + ":\\s*(\\d+) kB");
        return value.isEmpty()
                ? OptionalLong.empty()
                : OptionalLong.of(1024 * Long.parseLong(value));
    }

    /** The first group of the first line that matches, or "". */
    private static String first(String file, String regex) {
        Pattern pattern = Pattern.compile(regex);
        try (Stream<String> lines = Files.lines(Path.of(file))) {
            return lines.map(pattern::matcher)
                    .filter(Matcher::matches)
                    .map(m -> m.group(1).strip())
                    .findFirst()
                    .orElse("");
        } catch (IOException | UncheckedIOException e) {
            return "";
        }
    }

    void text(BiConsumer<String, String> line, Consumer<String> section) {
        section.accept("machine");
        List<String> facts = new ArrayList<>();
        if (!processor.isEmpty()) {
            facts.add(processor);
        }
        facts.add(processors + (processors == 1 ? " processor" : " processors"));
        if (processors == 1 && onlineProcessors() > 1) {
            facts.add(
                    "bound to it, of "
                            + onlineProcessors()
                            + " -> start with mpirun --bind-to none, or srun --cpus-per-task N");
        }
        line.accept("processor", String.join(", ", facts));
        if (!vectorInstructions.isEmpty()) {
            line.accept("instructions", String.join(" ", vectorInstructions));
        }
        if (memoryBytes.isPresent() && availableBytes.isPresent()) {
            line.accept(
                    "memory",
                    Bytes.format(memoryBytes.getAsLong())
                            + ", "
                            + Bytes.format(availableBytes.getAsLong())
                            + " available");
        }
        if (!hugePages.isEmpty()) {
            line.accept(
                    "huge pages",
                    hugePages
                            + (hugePages.equals("never")
                                    ? " -> faster with: echo madvise >"
                                            + " /sys/kernel/mm/transparent_hugepage/enabled"
                                    : ""));
        }
        section.accept("java");
        line.accept("version", java);
        line.accept(
                "vector api",
                vectorApi ? "on" : "off -> start with --add-modules jdk.incubator.vector");
        line.accept(
                "largest heap", Bytes.format(heapBytes) + " (set with DENSENET4J_OPTS=-Xmx...)");
    }

    Map<String, Object> json() {
        Map<String, Object> json =
                Json.object(
                        "processor", processor,
                        "processors", processors,
                        "vectorInstructions", vectorInstructions);
        memoryBytes.ifPresent(bytes -> json.put("memoryBytes", bytes));
        availableBytes.ifPresent(bytes -> json.put("availableBytes", bytes));
        json.put("hugePages", hugePages);
        json.put("java", java);
        json.put("vectorApi", vectorApi);
        json.put("heapBytes", heapBytes);
        return json;
    }
}
