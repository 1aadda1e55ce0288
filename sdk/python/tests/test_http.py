"""Requests as an author writes them, answered natively."""

import unittest
from decimal import Decimal
from functools import reduce

from tidegate_sdk import Fault, http


class Requests(unittest.TestCase):
    def test_a_test_answers_and_sees_the_request(self):
        seen = []

        def server(request):
            seen.append(request)
            return http.Response(201).with_header("ETag", "7").with_body(request.content)

        url = "https://a.example/x"
        with http.answered_by(server):
            answer = http.post(url).query("q", "a b&c").query("é", "~1").json([1, "ü"]).header("X-Own", "1").send()
        self.assertEqual((answer.status, answer.header("etag"), answer.header("E-Tag")), (201, "7", None))
        self.assertEqual(answer.success().json(), [1, "ü"])
        (request,) = seen
        self.assertEqual((request.method, request.url), ("POST", "https://a.example/x?q=a%20b%26c&%C3%A9=~1"))
        self.assertEqual(request.headers, (("content-type", "application/json"), ("X-Own", "1")))
        self.assertEqual(request.content, '[1,"ü"]'.encode())
        with self.assertRaises(Fault) as caught:
            http.get(url).send()
        self.assertIn("answered_by", str(caught.exception))

    def test_a_request_that_is_changed_stays_as_it_was(self):
        plain = http.get("https://a.example/")
        plain.query("a", "1").header("b", "2").body("c").max_response_bytes(1)
        self.assertEqual(plain, http.request("GET", "https://a.example/"))

    def test_a_test_that_fails_leaves_no_server_behind(self):
        with self.assertRaises(ZeroDivisionError), http.answered_by(lambda request: http.Response(200)):
            1 / 0
        with self.assertRaises(Fault):
            http.get("https://a.example/").send()

    def test_statuses_become_faults(self):
        def send(status, *pauses):
            answer = reduce(lambda made, pause: made.with_header("Retry-After", pause), pauses, http.Response(status))
            with http.answered_by(lambda request: answer):
                return http.get("https://a.example/x?key=1").send()

        pauses = {"7": 7_000, " 7 ": 7_000, "Fri, 31 Dec 1999 23:59:59 GMT": None, "-1": None, "1_0": None, "9" * 30: None}
        for status in (429, 500, 503):
            for pause, after_ms in pauses.items():
                with self.subTest(status=status, pause=pause), self.assertRaises(Fault) as caught:
                    send(status, pause)
                fault = caught.exception
                self.assertEqual((fault.kind, fault.after_ms), ("retryable", after_ms))
                self.assertEqual(fault.message, f"GET https://a.example/x answered {status}")
        with self.assertRaises(Fault) as caught:
            send(503)
        self.assertIsNone(caught.exception.after_ms)
        self.assertEqual(send(302).status, 302)
        for status in (199, 302, 404):
            with self.subTest(status), self.assertRaises(Fault) as caught:
                send(status).success()
            self.assertEqual(str(caught.exception), f"failed: the server answered {status}")

    def test_an_answer_beyond_the_limit_is_refused(self):
        with http.answered_by(lambda request: http.Response(200).with_body("12345")):
            self.assertEqual(http.get("https://a.example/").max_response_bytes(5).send().text(), "12345")
            with self.assertRaises(Fault) as caught:
                http.get("https://a.example/").max_response_bytes(4).send()
        self.assertIn("more than 4 bytes", str(caught.exception))

    def test_an_answer_that_is_not_what_was_expected_is_a_fault(self):
        answer = http.Response(200).with_body(b'"\xff"')
        for read in (answer.text, answer.json):
            with self.assertRaises(Fault) as caught:
                read()
            self.assertEqual(caught.exception.kind, "invalid-data")
        for body in ("", "{", "[NaN]", "[Infinity]", "[" * 100_000, '{"secret": 1'):
            with self.subTest(body[:20]), self.assertRaises(Fault) as caught:
                http.Response(200).with_body(body).json()
            self.assertEqual(caught.exception.kind, "invalid-data")
            self.assertNotIn("secret", str(caught.exception))

    def test_numbers_keep_their_digits_where_asked(self):
        answer = http.Response(200).with_body("[1.10, 7]")
        self.assertEqual(str(answer.json(parse_float=Decimal)), "[Decimal('1.10'), 7]")
        with self.assertRaises(Fault):
            http.Response(200).with_body(f"1e{'9' * 30}").json(parse_float=Decimal)

    def test_what_json_cannot_hold_is_a_fault(self):
        for value in (float("nan"), object()):
            with self.assertRaises(Fault) as caught:
                http.post("https://a.example/").json(value)
            self.assertEqual(caught.exception.kind, "fatal")
