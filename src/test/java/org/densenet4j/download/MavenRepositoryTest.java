package org.densenet4j.download;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The rules of Maven's guide to mirror settings. */
class MavenRepositoryTest {
    @TempDir private Path folder;

    private Path settings(String name, String mirrors) throws IOException {
        return Files.writeString(
                folder.resolve(name),
                "<settings xmlns='http://maven.apache.org/SETTINGS/1.2.0'><!-- c --><mirrors>"
                        + mirrors
                        + "</mirrors></settings>");
    }

    private static String mirror(String of, String url, String more) {
        return "<mirror><id>m</id><mirrorOf>%s</mirrorOf><url>%s</url>%s</mirror>"
                .formatted(of, url, more);
    }

    @Test
    void withoutSettingsItIsCentral() throws IOException {
        assertEquals(
                MavenRepository.CENTRAL,
                MavenRepository.find(List.of(folder.resolve("none.xml")), Map.of()));
    }

    @Test
    void theFirstMirrorOfCentralIsTaken() throws IOException {
        Path file =
                settings(
                        "settings.xml",
                        mirror("other", "https://a.example/x", "")
                                + mirror("external:http:*", "http://0.0.0.0/", "")
                                + mirror("*", "https://no.example", "<blocked>true</blocked>")
                                + mirror("*,!private", " https://b.example/maven ", "")
                                + mirror("central", "https://c.example/", ""));
        assertEquals(
                URI.create("https://b.example/maven"),
                MavenRepository.find(List.of(file), Map.of()));
    }

    @Test
    void theUsersSettingsComeBeforeTheInstallations() throws IOException {
        Path user = settings("user.xml", mirror("central", "https://u.example/", ""));
        Path global = settings("global.xml", mirror("central", "https://g.example/", ""));
        assertEquals(
                URI.create("https://u.example/"),
                MavenRepository.find(List.of(user, global), Map.of()));
    }

    @Test
    void variablesOfTheEnvironmentAreFilledIn() throws IOException {
        Path file = settings("s.xml", mirror("central", "https://${env.HOST_NAME}/m", ""));
        assertEquals(
                URI.create("https://h.example/m"),
                MavenRepository.find(List.of(file), Map.of("HOST_NAME", "h.example")));
    }

    @ParameterizedTest
    @CsvSource({
        "central, true",
        "*, true",
        "external:*, true",
        "'a,central', true",
        "'*,!central', false",
        "external:http:*, false",
        "mycentral, false",
        "'', false"
    })
    void mirrorOf(String text, boolean stands) {
        assertEquals(stands, MavenRepository.standsForCentral(text));
    }

    @Test
    void brokenSettingsAreOneClearLine() throws IOException {
        Path file = Files.writeString(folder.resolve("settings.xml"), "<settings><mirrors>");
        IOException e =
                assertThrows(
                        IOException.class, () -> MavenRepository.find(List.of(file), Map.of()));
        assertTrue(e.getMessage().contains("settings.xml is not valid XML"), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }

    @Test
    void whatTheUserGivesMustBeAnAddress() throws IOException {
        assertEquals(
                URI.create("https://r.example/m2"), MavenRepository.find("https://r.example/m2"));
        for (String wrong : List.of("", "foo", "ftp://x/y", "https://", "not an address")) {
            IOException e = assertThrows(IOException.class, () -> MavenRepository.find(wrong));
            assertTrue(e.getMessage().contains("--repository"), e.getMessage());
        }
    }

    @Test
    void theJarLiesWhereMavenPutsIt() {
        String path =
                "/m2/org/bytedeco/cuda/12.6-9.5-1.5.11/"
                        + "cuda-12.6-9.5-1.5.11-linux-x86_64-redist.jar";
        for (String base : List.of("https://r.example/m2", "https://r.example/m2/")) {
            assertEquals(path, Artifact.CUDA_LINUX.in(URI.create(base)).getPath());
        }
    }
}
