package org.densenet4j.profile;

import org.densenet4j.io.OutputFolder;
import org.densenet4j.report.Figure;
import org.densenet4j.report.Json;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/** Everything that is written about a profile. */
public final class ProfileReport {
    /** Names of the files that {@link #write} writes, of which some only where there is a time. */
    public static final List<String> FILES =
            List.of(
                    "report.html",
                    "profile.json",
                    "operations.csv",
                    "buffers.csv",
                    "trace.csv",
                    "timeline.png",
                    "timeline.svg",
                    "arena.png",
                    "arena.svg",
                    "roofline.png",
                    "roofline.svg");

    private static final int WIDTH = 1000;
    private static final int HEIGHT = 520;

    private ProfileReport() {}

    /**
     * Writes {@code report.html}, {@code profile.json}, {@code operations.csv}, {@code
     * buffers.csv}, {@code trace.csv} where the device was traced, and the figures {@code
     * timeline}, {@code arena} and {@code roofline} (where times and ceilings are known) as PNG and
     * SVG.
     *
     * @param profile what was measured, or planned alone
     * @param folder made if it is not there; files of these names are replaced
     * @throws IOException in one line with the path
     */
    public static void write(Profile profile, Path folder) throws IOException {
        Objects.requireNonNull(profile, "profile");
        Objects.requireNonNull(folder, "folder");
        OutputFolder files = OutputFolder.make(folder);
        files.write("profile.json", Json.pretty(ProfileData.json(profile)));
        files.write("operations.csv", ProfileData.operationsCsv(profile));
        files.write("buffers.csv", ProfileData.buffersCsv(profile.plan()));
        if (!profile.trace().isEmpty()) {
            files.write("trace.csv", profile.trace().csv());
        }
        ProfilePage.of(profile).write(files, "report.html");
        figure(files, "timeline", ProfileFigures.timeline(profile.plan()));
        figure(files, "arena", ProfileFigures.arena(profile.plan()));
        if (profile.isTimed() && profile.ceilings() != null) {
            figure(files, "roofline", ProfileFigures.roofline(profile));
        }
    }

    /**
     * {@return the main numbers, for a terminal}
     *
     * @param profile what was measured, or planned alone
     */
    public static String text(Profile profile) {
        Objects.requireNonNull(profile, "profile");
        return ProfileSummary.of(profile);
    }

    private static void figure(OutputFolder files, String name, Figure figure) throws IOException {
        figure.writeBoth(files, name, WIDTH, HEIGHT);
    }
}
