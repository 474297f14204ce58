SELECT
  'cycle' AS "detector",
  1 AS "version",
  "t22"."subject",
  "t22"."window_start_us",
  "t22"."window_start_us" + 86400000000 AS "window_end_us",
  "t22"."from_us",
  "t22"."to_us",
  "t22"."payments",
  "t22"."amount",
  "t22"."score"
FROM (
  SELECT
    "t21"."subject",
    "t21"."to_us" - (
      "t21"."to_us" % 86400000000
    ) AS "window_start_us",
    MIN("t21"."from_us") AS "from_us",
    MAX("t21"."to_us") AS "to_us",
    MAX("t21"."payments") AS "payments",
    MAX("t21"."amount") AS "amount",
    MAX("t21"."score") AS "score"
  FROM (
    SELECT
      "t20"."sender_a" AS "subject",
      "t20"."us_a" AS "from_us",
      "t20"."us_c" AS "to_us",
      3 AS "payments",
      "t20"."amount_a" + "t20"."amount_b" + "t20"."amount_c" AS "amount",
      CAST(FLOOR(
        CAST((
          (
            "t20"."amount_a" * 100
          ) - (
            (
              "t20"."amount_a" * 100
            ) % 20000
          )
        ) AS DOUBLE) / (
          20000
        )
      ) AS BIGINT) AS "score"
    FROM (
      SELECT
        "t19"."tx_id_a",
        "t19"."us_a",
        "t19"."sender_a",
        "t19"."recipient_a",
        "t19"."amount_a",
        "t19"."bucket_a",
        "t19"."tx_id_b",
        "t19"."us_b",
        "t19"."sender_b",
        "t19"."recipient_b",
        "t19"."amount_b",
        "t19"."bucket_b",
        "t19"."tx_id_c",
        "t19"."us_c",
        "t19"."sender_c",
        "t19"."recipient_c",
        "t19"."amount_c",
        "t19"."bucket_c"
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t17"."tx_id_a",
            "t17"."us_a",
            "t17"."sender_a",
            "t17"."recipient_a",
            "t17"."amount_a",
            "t17"."bucket_a",
            "t17"."tx_id_b",
            "t17"."us_b",
            "t17"."sender_b",
            "t17"."recipient_b",
            "t17"."amount_b",
            "t17"."bucket_b",
            "t17"."due",
            "t6"."tx_id_c",
            "t6"."us_c",
            "t6"."sender_c",
            "t6"."recipient_c",
            "t6"."amount_c",
            "t6"."bucket_c"
          FROM (
            SELECT
              *
            FROM (
              SELECT
                "t13"."tx_id_a",
                "t13"."us_a",
                "t13"."sender_a",
                "t13"."recipient_a",
                "t13"."amount_a",
                "t13"."bucket_a",
                "t13"."tx_id_b",
                "t13"."us_b",
                "t13"."sender_b",
                "t13"."recipient_b",
                "t13"."amount_b",
                "t13"."bucket_b",
                "t13"."bucket_b" AS "due"
              FROM (
                SELECT
                  "t12"."tx_id_a",
                  "t12"."us_a",
                  "t12"."sender_a",
                  "t12"."recipient_a",
                  "t12"."amount_a",
                  "t12"."bucket_a",
                  "t12"."tx_id_b",
                  "t12"."us_b",
                  "t12"."sender_b",
                  "t12"."recipient_b",
                  "t12"."amount_b",
                  "t12"."bucket_b"
                FROM (
                  SELECT
                    *
                  FROM (
                    SELECT
                      "t10"."tx_id_a",
                      "t10"."us_a",
                      "t10"."sender_a",
                      "t10"."recipient_a",
                      "t10"."amount_a",
                      "t10"."bucket_a",
                      "t10"."due",
                      "t7"."tx_id_b",
                      "t7"."us_b",
                      "t7"."sender_b",
                      "t7"."recipient_b",
                      "t7"."amount_b",
                      "t7"."bucket_b"
                    FROM (
                      SELECT
                        *
                      FROM (
                        SELECT
                          "t2"."tx_id" AS "tx_id_a",
                          "t2"."us" AS "us_a",
                          "t2"."sender" AS "sender_a",
                          "t2"."recipient" AS "recipient_a",
                          "t2"."amount" AS "amount_a",
                          "t2"."us" - (
                            "t2"."us" % 86400000000
                          ) AS "bucket_a",
                          "t2"."us" - (
                            "t2"."us" % 86400000000
                          ) AS "due"
                        FROM (
                          SELECT
                            "t1"."tx_id",
                            "t1"."us",
                            "t1"."kind",
                            "t1"."sender",
                            "t1"."recipient",
                            "t1"."amount",
                            "t1"."device"
                          FROM (
                            SELECT
                              *
                            FROM "payments" AS "t0"
                            WHERE
                              "t0"."verdict" IN ('allow', 'review')
                          ) AS "t1"
                        ) AS "t2"
                        WHERE
                          "t2"."kind" = 'payment' AND "t2"."amount" >= 9800 AND "t2"."amount" >= 20000
                      ) AS "t4"
                      UNION ALL
                      SELECT
                        *
                      FROM (
                        SELECT
                          "t2"."tx_id" AS "tx_id_a",
                          "t2"."us" AS "us_a",
                          "t2"."sender" AS "sender_a",
                          "t2"."recipient" AS "recipient_a",
                          "t2"."amount" AS "amount_a",
                          "t2"."us" - (
                            "t2"."us" % 86400000000
                          ) AS "bucket_a",
                          (
                            "t2"."us" - (
                              "t2"."us" % 86400000000
                            )
                          ) + 86400000000 AS "due"
                        FROM (
                          SELECT
                            "t1"."tx_id",
                            "t1"."us",
                            "t1"."kind",
                            "t1"."sender",
                            "t1"."recipient",
                            "t1"."amount",
                            "t1"."device"
                          FROM (
                            SELECT
                              *
                            FROM "payments" AS "t0"
                            WHERE
                              "t0"."verdict" IN ('allow', 'review')
                          ) AS "t1"
                        ) AS "t2"
                        WHERE
                          "t2"."kind" = 'payment' AND "t2"."amount" >= 9800 AND "t2"."amount" >= 20000
                      ) AS "t8"
                    ) AS "t10"
                    INNER JOIN (
                      SELECT
                        "t2"."tx_id" AS "tx_id_b",
                        "t2"."us" AS "us_b",
                        "t2"."sender" AS "sender_b",
                        "t2"."recipient" AS "recipient_b",
                        "t2"."amount" AS "amount_b",
                        "t2"."us" - (
                          "t2"."us" % 86400000000
                        ) AS "bucket_b"
                      FROM (
                        SELECT
                          "t1"."tx_id",
                          "t1"."us",
                          "t1"."kind",
                          "t1"."sender",
                          "t1"."recipient",
                          "t1"."amount",
                          "t1"."device"
                        FROM (
                          SELECT
                            *
                          FROM "payments" AS "t0"
                          WHERE
                            "t0"."verdict" IN ('allow', 'review')
                        ) AS "t1"
                      ) AS "t2"
                      WHERE
                        "t2"."kind" = 'payment' AND "t2"."amount" >= 9800
                    ) AS "t7"
                      ON "t10"."recipient_a" = "t7"."sender_b" AND "t10"."due" = "t7"."bucket_b"
                  ) AS "t11"
                  WHERE
                    "t11"."us_b" > "t11"."us_a"
                    AND "t11"."us_b" <= (
                      "t11"."us_a" + 86400000000
                    )
                    AND (
                      "t11"."amount_b" * 100
                    ) >= (
                      "t11"."amount_a" * 70
                    )
                    AND (
                      "t11"."amount_b" * 100
                    ) <= (
                      "t11"."amount_a" * 105
                    )
                ) AS "t12"
              ) AS "t13"
              WHERE
                "t13"."recipient_b" <> "t13"."sender_a"
            ) AS "t14"
            UNION ALL
            SELECT
              *
            FROM (
              SELECT
                "t13"."tx_id_a",
                "t13"."us_a",
                "t13"."sender_a",
                "t13"."recipient_a",
                "t13"."amount_a",
                "t13"."bucket_a",
                "t13"."tx_id_b",
                "t13"."us_b",
                "t13"."sender_b",
                "t13"."recipient_b",
                "t13"."amount_b",
                "t13"."bucket_b",
                "t13"."bucket_b" + 86400000000 AS "due"
              FROM (
                SELECT
                  "t12"."tx_id_a",
                  "t12"."us_a",
                  "t12"."sender_a",
                  "t12"."recipient_a",
                  "t12"."amount_a",
                  "t12"."bucket_a",
                  "t12"."tx_id_b",
                  "t12"."us_b",
                  "t12"."sender_b",
                  "t12"."recipient_b",
                  "t12"."amount_b",
                  "t12"."bucket_b"
                FROM (
                  SELECT
                    *
                  FROM (
                    SELECT
                      "t10"."tx_id_a",
                      "t10"."us_a",
                      "t10"."sender_a",
                      "t10"."recipient_a",
                      "t10"."amount_a",
                      "t10"."bucket_a",
                      "t10"."due",
                      "t7"."tx_id_b",
                      "t7"."us_b",
                      "t7"."sender_b",
                      "t7"."recipient_b",
                      "t7"."amount_b",
                      "t7"."bucket_b"
                    FROM (
                      SELECT
                        *
                      FROM (
                        SELECT
                          "t2"."tx_id" AS "tx_id_a",
                          "t2"."us" AS "us_a",
                          "t2"."sender" AS "sender_a",
                          "t2"."recipient" AS "recipient_a",
                          "t2"."amount" AS "amount_a",
                          "t2"."us" - (
                            "t2"."us" % 86400000000
                          ) AS "bucket_a",
                          "t2"."us" - (
                            "t2"."us" % 86400000000
                          ) AS "due"
                        FROM (
                          SELECT
                            "t1"."tx_id",
                            "t1"."us",
                            "t1"."kind",
                            "t1"."sender",
                            "t1"."recipient",
                            "t1"."amount",
                            "t1"."device"
                          FROM (
                            SELECT
                              *
                            FROM "payments" AS "t0"
                            WHERE
                              "t0"."verdict" IN ('allow', 'review')
                          ) AS "t1"
                        ) AS "t2"
                        WHERE
                          "t2"."kind" = 'payment' AND "t2"."amount" >= 9800 AND "t2"."amount" >= 20000
                      ) AS "t4"
                      UNION ALL
                      SELECT
                        *
                      FROM (
                        SELECT
                          "t2"."tx_id" AS "tx_id_a",
                          "t2"."us" AS "us_a",
                          "t2"."sender" AS "sender_a",
                          "t2"."recipient" AS "recipient_a",
                          "t2"."amount" AS "amount_a",
                          "t2"."us" - (
                            "t2"."us" % 86400000000
                          ) AS "bucket_a",
                          (
                            "t2"."us" - (
                              "t2"."us" % 86400000000
                            )
                          ) + 86400000000 AS "due"
                        FROM (
                          SELECT
                            "t1"."tx_id",
                            "t1"."us",
                            "t1"."kind",
                            "t1"."sender",
                            "t1"."recipient",
                            "t1"."amount",
                            "t1"."device"
                          FROM (
                            SELECT
                              *
                            FROM "payments" AS "t0"
                            WHERE
                              "t0"."verdict" IN ('allow', 'review')
                          ) AS "t1"
                        ) AS "t2"
                        WHERE
                          "t2"."kind" = 'payment' AND "t2"."amount" >= 9800 AND "t2"."amount" >= 20000
                      ) AS "t8"
                    ) AS "t10"
                    INNER JOIN (
                      SELECT
                        "t2"."tx_id" AS "tx_id_b",
                        "t2"."us" AS "us_b",
                        "t2"."sender" AS "sender_b",
                        "t2"."recipient" AS "recipient_b",
                        "t2"."amount" AS "amount_b",
                        "t2"."us" - (
                          "t2"."us" % 86400000000
                        ) AS "bucket_b"
                      FROM (
                        SELECT
                          "t1"."tx_id",
                          "t1"."us",
                          "t1"."kind",
                          "t1"."sender",
                          "t1"."recipient",
                          "t1"."amount",
                          "t1"."device"
                        FROM (
                          SELECT
                            *
                          FROM "payments" AS "t0"
                          WHERE
                            "t0"."verdict" IN ('allow', 'review')
                        ) AS "t1"
                      ) AS "t2"
                      WHERE
                        "t2"."kind" = 'payment' AND "t2"."amount" >= 9800
                    ) AS "t7"
                      ON "t10"."recipient_a" = "t7"."sender_b" AND "t10"."due" = "t7"."bucket_b"
                  ) AS "t11"
                  WHERE
                    "t11"."us_b" > "t11"."us_a"
                    AND "t11"."us_b" <= (
                      "t11"."us_a" + 86400000000
                    )
                    AND (
                      "t11"."amount_b" * 100
                    ) >= (
                      "t11"."amount_a" * 70
                    )
                    AND (
                      "t11"."amount_b" * 100
                    ) <= (
                      "t11"."amount_a" * 105
                    )
                ) AS "t12"
              ) AS "t13"
              WHERE
                "t13"."recipient_b" <> "t13"."sender_a"
            ) AS "t15"
          ) AS "t17"
          INNER JOIN (
            SELECT
              "t2"."tx_id" AS "tx_id_c",
              "t2"."us" AS "us_c",
              "t2"."sender" AS "sender_c",
              "t2"."recipient" AS "recipient_c",
              "t2"."amount" AS "amount_c",
              "t2"."us" - (
                "t2"."us" % 86400000000
              ) AS "bucket_c"
            FROM (
              SELECT
                "t1"."tx_id",
                "t1"."us",
                "t1"."kind",
                "t1"."sender",
                "t1"."recipient",
                "t1"."amount",
                "t1"."device"
              FROM (
                SELECT
                  *
                FROM "payments" AS "t0"
                WHERE
                  "t0"."verdict" IN ('allow', 'review')
              ) AS "t1"
            ) AS "t2"
            WHERE
              "t2"."kind" = 'payment' AND "t2"."amount" >= 9800
          ) AS "t6"
            ON "t17"."recipient_b" = "t6"."sender_c" AND "t17"."due" = "t6"."bucket_c"
        ) AS "t18"
        WHERE
          "t18"."us_c" > "t18"."us_b"
          AND "t18"."us_c" <= (
            "t18"."us_a" + 86400000000
          )
          AND (
            "t18"."amount_c" * 100
          ) >= (
            "t18"."amount_b" * 70
          )
          AND (
            "t18"."amount_c" * 100
          ) <= (
            "t18"."amount_b" * 105
          )
      ) AS "t19"
    ) AS "t20"
    WHERE
      "t20"."recipient_c" = "t20"."sender_a" AND "t20"."us_c" >= 0
  ) AS "t21"
  GROUP BY
    1,
    2
) AS "t22"
