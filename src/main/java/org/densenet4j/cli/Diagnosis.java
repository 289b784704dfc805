package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.DeviceProvider;
import org.densenet4j.backend.Finding;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.distributed.MpiFacts;
import org.densenet4j.download.CacheFolder;
import org.densenet4j.report.Json;

import java.nio.file.Files;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What {@code doctor} found, collected once and then written as text or JSON.
 *
 * @param backends in the order in which {@code best} tries them
 * @param host processor, memory and JVM
 * @param mpi libraries that are found
 * @param ranks processes of the job; 1 without a launcher
 */
record Diagnosis(List<Backend> backends, HostFacts host, List<MpiFacts> mpi, int ranks) {

    /**
     * A backend of this build.
     *
     * @param name as {@code --device} takes it
     * @param problem why it is unusable, with the fix
     * @param description of its device when it is usable
     * @param findings what it looked for
     */
    record Backend(
            String name, Optional<String> problem, String description, List<Finding> findings) {}

    static Diagnosis ofThisMachine() {
        return new Diagnosis(
                Device.providers().stream().map(Diagnosis::backend).toList(),
                HostFacts.ofThisMachine(),
                MpiFacts.ofThisMachine(),
                Communicator.world().worldSize());
    }

    private static Backend backend(DeviceProvider provider) {
        Optional<String> problem = provider.problem();
        String description = "";
        if (problem.isEmpty()) {
            try (Device device = provider.open(DeviceOptions.defaults())) {
                description = device.description();
            } catch (DeviceException e) {
                problem = Optional.of(e.getMessage());
            } catch (RuntimeException | LinkageError e) {
                // A diagnosis must survive what it diagnoses.
                problem = Optional.of("it does not open: " + e);
            }
        }
        return new Backend(provider.name(), problem, description, provider.findings());
    }

    /** Whether the device that {@code --device name} means works. */
    boolean works(String name) {
        return backends.stream()
                .anyMatch(
                        b ->
                                b.problem().isEmpty()
                                        && (name.equals("best") || name.equals(b.name())));
    }

    private Optional<Backend> best() {
        return backends.stream().filter(b -> b.problem().isEmpty()).findFirst();
    }

    String text() {
        StringBuilder out = new StringBuilder();
        section(out, "devices");
        for (Backend b : backends) {
            line(
                    out,
                    b.name(),
                    b.problem().map(p -> "does not work: " + p).orElse(b.description()));
        }
        line(out, "best", best().map(Backend::name).orElse("none works, see above"));
        for (Backend b : backends) {
            if (!b.findings().isEmpty()) {
                section(out, b.name());
            }
            for (Finding f : b.findings()) {
                line(out, f.name(), f.summary());
                if (!f.advice().isEmpty()) {
                    line(out, "", "-> " + f.advice());
                }
            }
        }
        section(out, "several processes");
        for (MpiFacts found : mpi) {
            line(out, "MPI", found.toString());
        }
        if (mpi.isEmpty()) {
            line(out, "MPI", "not found");
            line(out, "", "-> for mpirun: install openmpi-bin or mpich");
        }
        if (ranks > 1) {
            line(out, "this job", ranks + " ranks, which found each other");
        }
        host.text((title, value) -> line(out, title, value), title -> section(out, title));
        section(out, "files");
        boolean made = Files.isDirectory(CacheFolder.path());
        line(out, "cache folder", CacheFolder.path() + (made ? "" : " (not made yet)"));
        return out.toString();
    }

    private static void section(StringBuilder out, String title) {
        out.append(out.isEmpty() ? "" : "\n").append(title).append('\n');
    }

    private static void line(StringBuilder out, String title, String value) {
        out.append(String.format(Locale.ROOT, "  %-15s %s%n", title, value));
    }

    String json() {
        return Json.pretty(
                Json.object(
                        "version", new Version().getVersion()[0],
                        "best", best().map(Backend::name).orElse(null),
                        "backends", backends.stream().map(Diagnosis::json).toList(),
                        "mpi",
                                mpi.stream()
                                        .map(
                                                found ->
                                                        Json.object(
                                                                "library", found.library(),
                                                                "abi", found.abi(),
                                                                "version", found.version()))
                                        .toList(),
                        "ranks", ranks,
                        "cacheFolder", CacheFolder.path().toString(),
                        "host", host.json()));
    }

    private static Map<String, Object> json(Backend b) {
        return Json.object(
                "name", b.name(),
                "works", b.problem().isEmpty(),
                "problem", b.problem().orElse(null),
                "description", b.problem().isPresent() ? null : b.description(),
                "findings", b.findings().stream().map(Diagnosis::json).toList());
    }

    private static Map<String, Object> json(Finding f) {
        Map<String, Object> json =
                Json.object(
                        "finding", f.name(),
                        "works", f.works(),
                        "summary", f.summary(),
                        "advice", f.advice());
        f.details()
                .forEach(
                        (name, value) ->
                                json.put(name, value instanceof Number ? value : value.toString()));
        return json;
    }
}
